"""Repositories behind TLS on loopback: `git http-backend` for honest ones, functions for those that are not."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "forge.example"
"""No name server knows it: whoever comes here was told the address."""
Answer = Callable[["Handler"], None]
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}
PLAIN_GIT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **IDENTITY,
}


def git(folder: Path, *arguments: str, content: bytes | None = None) -> str:
    """What a git command says, run in a folder with nobody's configuration but the repository's."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], input=content, capture_output=True, env=PLAIN_GIT, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="surrogateescape").strip()


@dataclass
class BareRepository:
    """A bare repository that is written object by object, so that it can hold what no git would commit."""

    path: Path

    def blob(self, content: bytes) -> str:
        return git(self.path, "hash-object", "-w", "--stdin", content=content)

    def tree(self, entries: list[tuple[str, bytes, str]]) -> str:
        """entries: (mode, name, object id), in the order given, however wrong."""
        raw = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
        )
        return git(self.path, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", content=raw)

    def commit(
        self, files: dict[str, bytes], *, branch: str = "main", modes: dict[str, str] | None = None
    ) -> str:
        """A commit of these files alone, at the tip of a branch. modes: of some; a submodule's content is its id."""
        listing = b"".join(
            f"{mode} {content.decode() if mode == '160000' else self.blob(content)}\t".encode()
            + name.encode(errors="surrogateescape") + b"\0"
            for name, content in files.items()
            for mode in [(modes or {}).get(name, "100644")]
        )  # fmt: skip
        git(self.path, "read-tree", "--empty")
        git(self.path, "update-index", "-z", "--index-info", content=listing)
        return self.commit_tree(git(self.path, "write-tree"), branch=branch)

    def commit_tree(self, tree: str, *, branch: str = "main") -> str:
        commit = git(self.path, "commit-tree", tree, "-m", "A commit.")
        git(self.path, "update-ref", f"refs/heads/{branch}", commit)
        return commit


def make_bare(path: Path) -> BareRepository:
    git(path.parent, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path))
    git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
    return BareRepository(path)


@dataclass
class GitServer:
    """What was asked, and what is answered instead of git's own program, by the first part of the path."""

    folder: Path
    port: int = 0
    asked: list[str] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Authorization header that a repository wants, by the first part of its path."""
    protocol: str | None = None
    """Spoken whatever clients ask for; "" is the old one."""

    @property
    def authority(self) -> str:
        return f"{HOST}:{self.port}"

    def url(self, name: str) -> str:
        return f"https://{self.authority}/{name}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    git_server: GitServer

    def do_GET(self) -> None:
        server = self.git_server
        name = self.path.split("/")[1]
        server.asked.append(f"{self.command} {self.path}")
        if header := self.headers.get("Authorization"):
            server.authorized.append(header)
        if name in server.answers:
            server.answers[name](self)
        elif self.headers.get("Authorization", "") != server.tokens.get(name, ""):
            self.reply(401, headers={"WWW-Authenticate": 'Basic realm="here"'})
        else:
            self.run_backend()

    do_POST = do_GET

    def reply(self, status: int, body: bytes = b"", *, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def run_backend(self, *, name: str = "", body: bytes | None = None) -> None:
        """Answer as git does; name: of another repository. body: what came, where it was read already."""
        status, content, headers = self.backend_reply(name=name, body=body)
        self.reply(status, content, headers=headers)

    def backend_reply(
        self, *, name: str = "", body: bytes | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        path, _, query = self.path.partition("?")
        if name:
            path = "/".join(["", name, *path.split("/")[2:]])
        content = self.body() if body is None else body
        protocol = self.headers.get("Git-Protocol", "")
        environment = {
            **PLAIN_GIT,
            "GIT_PROJECT_ROOT": str(self.git_server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": protocol if self.git_server.protocol is None else self.git_server.protocol,
        }
        done = subprocess.run(
            ["git", "http-backend"], input=content, capture_output=True, env=environment, check=False
        )
        head, _, told = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        return int(headers.pop("Status", "200").split()[0]), told, headers

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunk(self) -> bytes:
        chunk = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return chunk

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def run_git_server(folder: Path, *, address: str = "127.0.0.1") -> Iterator[GitServer]:
    """Serve the bare repositories in a folder; the certificate of its own authority is at `ca_file()`."""
    shared = GitServer(folder)
    server = ThreadingHTTPServer((address, 0), type("Bound", (Handler,), {"git_server": shared}))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    # Whoever hangs up in the middle is what some tests are about.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    shared.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield shared
    finally:
        server.shutdown()
        server.server_close()


@cache
def certificate() -> str:
    """A PEM file of a key and a certificate for loopback that signs itself."""
    import tempfile

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.write(made.public_bytes(serialization.Encoding.PEM))
    return file.name
