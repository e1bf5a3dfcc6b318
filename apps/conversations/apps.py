from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "apps.conversations"

    def ready(self) -> None:
        from apps.conversations.links import conversation_links
        from apps.usage.links import register_conversation_links

        register_conversation_links(conversation_links)
