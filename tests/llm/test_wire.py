"""Each way a host is known to fail, once over a real connection, with a second cut to a two-hundredth."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.llm import gateway
from apps.llm.errors import LLMError
from apps.llm.providers import openai_compatible
from apps.llm.types import Finished, Usage
from tests.fault_shapes import ENDINGS, HOSTS_WORDS, PIECES, REFUSALS, SHAPES, Ending, Refusal, Shape
from tests.llm.conftest import MakeRequest, collect, text_of
from tests.provider_server import ProviderServer

SECOND = 1 / 200
MOST_SECONDS = 20.0
SetDeadlines = Callable[..., None]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MOST_ATTEMPTS", 1)
    monkeypatch.setattr(openai_compatible, "_TAIL_SECONDS", 5 * SECOND)


def shorten_deadlines(set_deadlines: SetDeadlines, code: str | None) -> None:
    """Only those whose end is awaited: on a busy machine a short one could be another's end."""
    if code == "timeout":
        set_deadlines(first_token=60 * SECOND)
    if code == "stream_stalled":
        set_deadlines(gap=60 * SECOND)
    if code == "call_too_long":
        set_deadlines(call=360 * SECOND)


async def fault_of(make_request: MakeRequest, **endpoint: Any) -> tuple[str, LLMError]:
    async with asyncio.timeout(MOST_SECONDS):
        events, error = await collect(make_request(max_output_tokens=4096, endpoint=endpoint))
    assert error is not None
    assert HOSTS_WORDS not in f"{error} {vars(error)}"
    return text_of(events), error


@pytest.mark.parametrize("shape", [one for one in SHAPES if one.before], ids=lambda one: one.name)
async def test_a_break_before_the_first_text(
    provider_server: ProviderServer,
    make_request: MakeRequest,
    set_deadlines: SetDeadlines,
    shape: Shape,
) -> None:
    shorten_deadlines(set_deadlines, shape.before)
    provider_server.settings(**{"pieces": PIECES, **shape.behaviour(0, SECOND)})
    text, error = await fault_of(make_request)
    assert (text, error.code) == ("", shape.before)


@pytest.mark.parametrize("shape", [one for one in SHAPES if one.after], ids=lambda one: one.name)
async def test_a_break_after_some_text(
    provider_server: ProviderServer,
    make_request: MakeRequest,
    set_deadlines: SetDeadlines,
    shape: Shape,
) -> None:
    shorten_deadlines(set_deadlines, shape.after)
    provider_server.settings(**{"pieces": PIECES, **shape.behaviour(2, SECOND)})
    text, error = await fault_of(make_request)
    assert text
    assert error.code == shape.after


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
async def test_a_refusal(
    provider_server: ProviderServer, make_request: MakeRequest, refusal: Refusal
) -> None:
    provider_server.settings(**{"pieces": PIECES, **refusal.behaviour})
    text, error = await fault_of(make_request)
    assert (text.strip(), error.code, error.reads_prompt) == ("", refusal.code, refusal.reads_prompt)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda one: one.name)
async def test_a_whole_text(
    provider_server: ProviderServer, make_request: MakeRequest, ending: Ending
) -> None:
    provider_server.settings(**{"pieces": PIECES, **ending.behaviour})
    async with asyncio.timeout(MOST_SECONDS):
        events, error = await collect(make_request(max_output_tokens=4096))
    assert error is None
    assert text_of(events) == "".join(ending.behaviour.get("pieces", PIECES))
    usage, finished = events[-2:]
    assert isinstance(finished, Finished)
    assert isinstance(usage, Usage)
    assert usage.estimated == ending.estimated


# What needs another server than the provider's --------------------------------------------------------


@asynccontextmanager
async def raw_server(reply: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A host that reads a request, sends some bytes, and drops the connection without a word of farewell."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def own_certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "host.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def http_chunk(text: str) -> bytes:
    data = b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("reply", "text", "code"),
    [
        pytest.param(b"", "", "stream_cut", id="no answer at all"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", "", "stream_cut", id="another protocol"),
        pytest.param(HEAD, "", "stream_cut", id="cut behind the head"),
        pytest.param(HEAD + http_chunk("One "), "One ", "stream_cut", id="cut behind some text"),
        pytest.param(HEAD + http_chunk("One ")[:-20], "", "stream_cut", id="cut inside an event"),
        pytest.param(HEAD + http_chunk("One ") + b"zz\r\n", "One ", "stream_cut", id="broken framing"),
    ],
)
@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "TLS"])
async def test_a_connection_that_is_cut(
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    reply: bytes,
    text: str,
    code: str,
    with_tls: bool,
) -> None:
    tls = None
    if with_tls:
        certificate = own_certificate(tmp_path)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        # The environment is not asked about hosts of this machine, so this one is taken for another.
        monkeypatch.setattr(openai_compatible, "is_loopback", lambda _: False)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with raw_server(reply, tls) as base_url:
        came, error = await fault_of(make_request, base_url=base_url)
    assert (came, error.code, error.reached_host) == (text, code, True)


async def test_a_host_with_a_false_certificate_is_sent_nothing(
    make_request: MakeRequest, tmp_path: Path
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(own_certificate(tmp_path))
    async with raw_server(HEAD, tls) as base_url:
        _, error = await fault_of(make_request, base_url=base_url)
    assert (error.code, error.reached_host) == ("connection", False)
