from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "apps.workspaces"

    def ready(self) -> None:
        from apps.workspaces import receivers  # noqa: F401
