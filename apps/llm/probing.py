"""Whether an endpoint answers, and which models it serves."""

import asyncio
import time
from dataclasses import dataclass

import httpx2
import openai

from apps.llm.catalogue import Endpoint
from apps.llm.errors import LLMError
from apps.llm.gateway import find_api_key
from apps.llm.providers.openai_compatible import authorization, client_for, error_from_client

PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one look at an endpoint showed.

    serves_model: whether the endpoint's model is among model_ids; None when the host lists none. latency_seconds:
    from asking to the whole list. code, sentence: of the error, "" without one.
    """

    reachable: bool
    model_ids: tuple[str, ...] = ()
    serves_model: bool | None = None
    latency_seconds: float = 0.0
    code: str = ""
    sentence: str = ""


async def probe_endpoint(endpoint: Endpoint, api_key: str | None = None) -> ProbeResult:
    """Ask `GET {base_url}/models`; at most 10 s. Raises nothing: what went wrong is in the result.

    api_key: None reads the variable that the catalogue names. A host that lists its models without looking at the
    key proves nothing about the key.
    """
    if endpoint.protocol != "openai":
        return ProbeResult(reachable=True, model_ids=(endpoint.model_id,), serves_model=True)
    started = time.monotonic()
    try:
        key = find_api_key(endpoint) if api_key is None else api_key
        async with asyncio.timeout(PROBE_SECONDS):
            content = await client_for(endpoint).get(
                "/models", cast_to=object, options={"headers": dict(authorization(key))}
            )
    except LLMError as error:
        return _failed(error, started)
    except TimeoutError:
        return _failed(LLMError("timeout", reached_host=True), started)
    except (openai.APIError, httpx2.HTTPError, ValueError) as error:
        return _failed(error_from_client(error, in_stream=False), started)
    latency_seconds = time.monotonic() - started
    ids = _model_ids(content)
    if ids is None:
        return _failed(LLMError("not_an_api", reached_host=True), started)
    served = _is_served(endpoint.model_id, ids) if ids else None
    if served is False:
        sentence = f"This host does not list the model {endpoint.model_id}."
        return ProbeResult(True, ids, served, latency_seconds, code="model_gone", sentence=sentence)
    return ProbeResult(True, ids, served, latency_seconds)


def _failed(error: LLMError, started: float) -> ProbeResult:
    reachable = error.reached_host and error.code != "timeout"
    latency_seconds = time.monotonic() - started
    return ProbeResult(reachable, latency_seconds=latency_seconds, code=error.code, sentence=error.sentence)


def _model_ids(content: object) -> tuple[str, ...] | None:
    """The ids of a list of models; Together answers with a bare list. None when it is no list of models."""
    rows = content.get("data") if isinstance(content, dict) else content
    if rows is None and isinstance(content, dict) and content.get("object") == "list":
        return ()  # Ollama without a model
    if not isinstance(rows, list):
        return None
    return tuple(str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row)


def _is_served(model_id: str, ids: tuple[str, ...]) -> bool:
    # HuggingFace's router lists a model once and takes the partner as a suffix.
    return model_id in ids or (model_id.rpartition(":")[0] or model_id) in ids
