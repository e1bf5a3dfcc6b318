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
    """“DeepInfra”; a host without a name is called by its address, with the port where it names one."""
    address = urlsplit(endpoint.base_url)
    port = f":{address.port}" if address.port else ""
    known = _PROVIDERS.get(endpoint.provider)
    return known or (f"{address.hostname}{port}" if address.hostname else endpoint.provider)
