from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "apps.library"

    def ready(self) -> None:
        from django.conf import settings

        from apps.common.health import register_part
        from apps.library import receivers  # noqa: F401
        from apps.library.git.runner import git_readiness
        from apps.library.ingestion import sandbox
        from apps.library.isolation import parser_isolation

        sandbox.cache_folder = settings.CACHE_DIR
        register_part("parsers", parser_isolation)
        register_part("git", git_readiness)
