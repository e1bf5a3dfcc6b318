"""What people call the families of models and the hosts that serve them."""

from urllib.parse import urlsplit

from apps.llm.catalogue import Endpoint

_FAMILIES = {"guard": "Llama Guard", "quotes": "Quote finder"}
_PROVIDERS = {
    "built-in": "on this server",
    "deepinfra": "DeepInfra",
    "fireworks": "Fireworks",
    "groq": "Groq",
    "huggingface": "Hugging Face",
    "meta": "Meta",
    "novita": "Novita",
    "ollama": "Ollama",
    "openrouter": "OpenRouter",
    "replicate": "Replicate",
    "together": "Together",
    "vllm": "vLLM",
}


def family_name(family: str) -> str:
    """“Scout”, “Llama Guard”; an operator's own family by its word."""
    return _FAMILIES.get(family, family.capitalize())


def provider_name(endpoint: Endpoint) -> str:
    """“DeepInfra”; a host without a name is called by its address."""
    return _PROVIDERS.get(endpoint.provider) or urlsplit(endpoint.base_url).hostname or endpoint.provider
