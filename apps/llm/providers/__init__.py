"""Protocols by the name that the catalogue uses."""

from apps.llm.providers.base import Provider
from apps.llm.providers.openai_compatible import OpenAICompatible
from apps.llm.providers.quote_finder import QuoteFinder

# Tests add "scripted" for the time they need it (providers/scripted.py).
PROVIDERS: dict[str, Provider] = {
    "openai": OpenAICompatible(),
    "quote_finder": QuoteFinder(),
}
