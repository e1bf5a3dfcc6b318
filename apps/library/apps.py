from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "apps.library"

    def ready(self) -> None:
        from apps.common.health import register_part
        from apps.library import receivers  # noqa: F401
        from apps.library.isolation import parser_isolation

        register_part("parsers", parser_isolation)
