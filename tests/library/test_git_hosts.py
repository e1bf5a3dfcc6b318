"""Hostile hosts: what they send, where they send us, how long they take. Nothing else of this machine is touched."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from apps.library.git import commits
from apps.library.git.addresses import parse_address, resolve
from apps.library.git.commits import Remote, git_config, write_tar
from apps.library.git.errors import FetchFailed
from apps.library.git.runner import GitLimits, GitRunner
from tests.library.git_server import (
    HOST,
    GitServer,
    Handler,
    certificate,
    git,
    make_bare,
    run_git_server,
)
from tests.services import ROOT, wait_for

LISTING = {"Content-Type": "application/x-git-upload-pack-advertisement"}
TOKEN = "ghp_canary-of-a-token"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    folder = tmp_path_factory.mktemp("served")
    repository = make_bare(folder / "lib.git")
    repository.commit({"a.py": b"x = 1\n"})
    other = make_bare(folder / "other.git")
    other.commit({"b.py": os.urandom(300_000)})
    with run_git_server(folder) as server:
        yield server


@pytest.fixture
def server(served: GitServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> GitServer:
    settings.GIT_PRIVATE_HOSTS = {served.authority}
    settings.GIT_CA_FILE = certificate()
    know_host(monkeypatch)
    for seen in (served.asked, served.authorized, served.answers, served.tokens):
        seen.clear()
    served.protocol = None
    return served


def know_host(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let our own look-up find the host; git's own would find nobody. Gives the names asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if host == HOST else host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


class Listener:
    """A port of this machine that nobody may come to."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"

    @property
    def is_untouched(self) -> bool:
        with suppress(BlockingIOError):
            self.socket.accept()
            return False
        return True


@pytest.fixture(name="listener")
def listener_fixture() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.socket.close()


def bring(
    server: GitServer,
    folder: Path,
    name: str = "lib.git",
    *,
    ref: str = "",
    token: str = "",
    limits: GitLimits | None = None,
    on_tick: Callable[[], None] = lambda: None,
) -> dict[str, bytes | str]:
    """Fetch and write; gives what the tar holds: contents of files, targets of links, "" for submodules."""
    address = parse_address(server.url(name))
    limits = limits or GitLimits(seconds=20, silent_seconds=10)
    runner = GitRunner(folder, limits, git_config(address, resolve(address), token, limits), on_tick)
    remote = Remote(address, runner)
    commit = remote.fetch(remote.find(ref), lambda percent: None)
    write_tar(runner, commit, folder / "commit.tar", lambda percent: None)
    with tarfile.open(folder / "commit.tar", errors="surrogateescape") as tar:
        return {
            one.name: tar.extractfile(one).read() if one.isfile() else one.linkname  # type: ignore[union-attr]
            for one in tar
        }


def refusal(server: GitServer, folder: Path, name: str = "lib.git", **options: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        bring(server, folder, name, **options)
    return caught.value


def test_the_checked_address_is_used_and_no_name_is_asked_again(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    """DNS rebinding: whatever a name server says later, git goes where we looked."""
    asked = know_host(monkeypatch)

    assert bring(server, tmp_path) == {"a.py": b"x = 1\n"}
    assert asked.count(HOST) == 1
    assert listener.is_untouched


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_to_a_private_host_is_not_followed(
    server: GitServer, tmp_path: Path, listener: Listener, status: int
) -> None:
    server.answers["moved.git"] = lambda handler: handler.reply(
        status, headers={"Location": f"{listener.url}/lib.git{handler.path[10:]}"}
    )

    assert refusal(server, tmp_path, "moved.git", token=TOKEN).code == "git_redirected"
    assert listener.is_untouched


def test_a_redirect_in_the_middle_is_not_followed(
    server: GitServer, tmp_path: Path, listener: Listener
) -> None:
    def answer(handler: Handler) -> None:
        if handler.command == "GET":
            handler.run_backend(name="lib.git")
        else:
            handler.reply(307, headers={"Location": f"{listener.url}/lib.git/git-upload-pack"})

    server.answers["half.git"] = answer
    assert refusal(server, tmp_path, "half.git").code == "git_redirected"
    assert listener.is_untouched


def test_a_host_of_plain_files_is_refused_with_its_alternates(
    server: GitServer, tmp_path: Path, listener: Listener
) -> None:
    def answer(handler: Handler) -> None:
        files = {
            "HEAD": b"ref: refs/heads/main\n",
            "info/refs": b"1" * 40 + b"\trefs/heads/main\n",
            "objects/info/http-alternates": f"{listener.url}/objects\n".encode(),
            "objects/info/alternates": f"{listener.url}/objects\n/etc\n".encode(),
        }
        content = files.get(handler.path.partition("?")[0].removeprefix("/dumb.git/"))
        handler.reply(200, content) if content else handler.reply(404)

    server.answers["dumb.git"] = answer
    assert refusal(server, tmp_path, "dumb.git").code == "git_not_smart"
    assert listener.is_untouched


def wait(handler: Handler) -> None:
    with suppress(OSError):
        handler.connection.recv(1)


def after_head(handler: Handler, kind: str = "advertisement") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
    handler.send_header("Connection", "close")
    handler.end_headers()


def silent_after_head(handler: Handler) -> None:
    after_head(handler)
    wait(handler)


def silent_pack(handler: Handler) -> None:
    if handler.command == "GET" or b"command=ls-refs" in (body := handler.body()):
        return handler.run_backend(name="lib.git", body=b"" if handler.command == "GET" else body)
    after_head(handler, "result")
    handler.wfile.write(b"000dpackfile\n")
    return wait(handler)


@pytest.mark.parametrize(
    "answer", [wait, silent_after_head, silent_pack], ids=["at once", "after a head", "in a pack"]
)
def test_a_host_that_falls_silent_is_left(
    server: GitServer, tmp_path: Path, answer: Callable[[Handler], None]
) -> None:
    server.answers["silent.git"] = answer
    began = time.monotonic()

    failed = refusal(server, tmp_path, "silent.git", limits=GitLimits(silent_seconds=1))

    assert failed.code == "git_silent"
    assert time.monotonic() - began < 6
    assert_no_git_is_left(tmp_path)


def test_a_host_that_is_slow_for_ever_is_left(server: GitServer, tmp_path: Path) -> None:
    def drip(handler: Handler) -> None:
        after_head(handler)
        with suppress(OSError):
            for sign in b"001e# service=git-upload-pack\n" * 1000:
                handler.wfile.write(bytes([sign]))
                handler.wfile.flush()
                time.sleep(0.05)

    server.answers["slow.git"] = drip
    failed = refusal(server, tmp_path, "slow.git", limits=GitLimits(seconds=1.5, silent_seconds=10))

    # Bytes come, but none that git would tell us of.
    assert failed.code in {"git_too_slow", "git_silent"}
    assert_no_git_is_left(tmp_path)


def test_endless_branches_are_cut_off(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_MOST_REF_BYTES", 100_000)
    listing = b"".join(b"003e" + b"1" * 40 + b" refs/heads/%05d\n" % number for number in range(20_000))

    def many(handler: Handler) -> None:
        handler.reply(200, b"001e# service=git-upload-pack\n0000" + listing + b"0000", headers=LISTING)

    server.answers["many.git"] = many
    assert refusal(server, tmp_path, "many.git").code == "git_too_large"


def test_endless_messages_are_cut_off(server: GitServer, tmp_path: Path) -> None:
    def chatter(handler: Handler) -> None:
        body = b"" if handler.command == "GET" else handler.body()
        if handler.command == "GET" or b"command=ls-refs" in body:
            return handler.run_backend(name="lib.git", body=body)
        after_head(handler, "result")
        line = b"\x02" + b"\x1b[2J fatal: Authentication failed " * 1000
        with suppress(OSError):
            handler.wfile.write(b"000dpackfile\n")
            while True:
                handler.wfile.write(b"%04x" % (len(line) + 4) + line)
        return None

    server.answers["chatter.git"] = chatter
    failed = refusal(server, tmp_path, "chatter.git", limits=GitLimits(seconds=1.5))

    assert failed.code == "git_too_slow"
    assert_no_git_is_left(tmp_path)


@pytest.mark.parametrize(
    "limits",
    [GitLimits(size_bytes=100_000), GitLimits(size_bytes=300_000 - 1)],
    ids=["a pack", "a file in a small pack"],
)
def test_a_huge_repository_is_left(server: GitServer, tmp_path: Path, limits: GitLimits) -> None:
    name = "other.git" if limits.size_bytes == 100_000 else "dense.git"
    if name == "dense.git":
        make_bare(server.folder / name).commit({"zeros": bytes(300_000)})
    failed = refusal(server, tmp_path, name, limits=limits)

    assert failed.code == "git_too_large"
    assert "MiB" in failed.sentence


def test_a_private_repository_asks_nobody_for_a_password(server: GitServer, tmp_path: Path) -> None:
    server.tokens["lib.git"] = "Basic nobody"

    without = refusal(server, tmp_path)
    wrong = refusal(server, tmp_path, token=TOKEN)
    absent = refusal(server, tmp_path, "absent.git")

    assert {without.code, wrong.code, absent.code} == {"git_not_found"}
    assert "without a token" in without.sentence


@pytest.mark.parametrize("token", [TOKEN, f"ada:{TOKEN}"], ids=["alone", "with a user name"])
def test_a_token_goes_to_its_host_and_stands_in_no_list_of_processes(
    server: GitServer, tmp_path: Path, token: str
) -> None:
    pair = token if ":" in token else f"x-access-token:{token}"
    basic = "Basic " + base64.b64encode(pair.encode()).decode()
    server.tokens["lib.git"] = basic
    seen: list[str] = []

    def look() -> None:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                seen.append(" ".join(process.cmdline()))

    assert bring(server, tmp_path, token=token, on_tick=look) == {"a.py": b"x = 1\n"}
    assert set(server.authorized) == {basic}
    assert any(HOST in line for line in seen)
    assert not any(TOKEN in line or basic[6:] in line for line in seen)
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_certificate_of_an_unknown_authority_is_refused(
    server: GitServer, tmp_path: Path, settings: Any
) -> None:
    settings.GIT_CA_FILE = ""

    assert refusal(server, tmp_path, token=TOKEN).code == "git_unreachable"
    assert server.authorized == []


def test_a_commit_other_than_the_one_told_is_refused(server: GitServer, tmp_path: Path) -> None:
    told = git(server.folder / "lib.git", "rev-parse", "main").encode()
    given = git(server.folder / "other.git", "rev-parse", "main").encode()

    def answer(handler: Handler) -> None:
        body = handler.body() if handler.command == "POST" else b""
        name = "other.git" if b"command=fetch" in body else "lib.git"
        handler.run_backend(name=name, body=body.replace(told, given))

    server.answers["liar.git"] = answer
    failed = refusal(server, tmp_path, "liar.git")
    assert failed.code in {"git_damaged", "git_unknown_commit"}


def test_a_branch_that_leads_nowhere_is_refused(server: GitServer, tmp_path: Path) -> None:
    server.protocol = ""

    def answer(handler: Handler) -> None:
        told = git(server.folder / "lib.git", "rev-parse", "main").encode()
        status, body, headers = handler.backend_reply(name="lib.git")
        handler.reply(status, body.replace(told, b"2" * 40), headers=headers)

    server.answers["nowhere.git"] = answer
    assert refusal(server, tmp_path, "nowhere.git").code == "git_unknown_commit"


def test_a_pack_that_is_cut_off_is_refused(server: GitServer, tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        status, body, headers = handler.backend_reply(name="other.git")
        handler.reply(status, body[:200_000], headers=headers)

    server.answers["cut.git"] = answer
    assert refusal(server, tmp_path, "cut.git").code in {"git_damaged", "git_unreachable"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda handler: handler.reply(500), "git_unreachable"),
        (lambda handler: handler.reply(200, b"<html>Welcome</html>"), "git_empty"),
        (lambda handler: handler.reply(200, b"zzzz", headers=LISTING), "git_not_smart"),
        (lambda handler: handler.connection.shutdown(socket.SHUT_RDWR), "git_unreachable"),
    ],
    ids=["an error", "a page", "no protocol", "a closed line"],
)
def test_what_is_no_repository_is_told(
    server: GitServer, tmp_path: Path, answer: Callable[[Handler], None], code: str
) -> None:
    server.answers["odd.git"] = answer
    assert refusal(server, tmp_path, "odd.git").code == code


def test_packs_and_bundles_at_other_addresses_are_not_fetched(
    server: GitServer, tmp_path: Path, listener: Listener
) -> None:
    repository = make_bare(server.folder / "elsewhere.git")
    repository.commit({"a.py": b"x = 1\n"})
    blob = repository.blob(b"x = 1\n")
    for name, value in {
        "uploadpack.blobPackfileUri": f"{blob} {'1' * 40} {listener.url}/pack",
        "uploadpack.advertiseBundleURIs": "true",
        "bundle.version": "1",
        "bundle.mode": "any",
        "bundle.far.uri": f"{listener.url}/bundle",
    }.items():
        git(repository.path, "config", name, value)

    assert bring(server, tmp_path, "elsewhere.git") == {"a.py": b"x = 1\n"}
    assert listener.is_untouched


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_git_ends_with_the_worker_that_asked(server: GitServer, tmp_path: Path) -> None:
    server.answers["silent.git"] = wait
    program = (
        "from pathlib import Path\n"
        "from apps.library.git.runner import GitLimits, GitRunner\n"
        f"config = {{'http.curloptResolve': '{HOST}:{server.port}:127.0.0.1', 'http.sslVerify': 'false'}}\n"
        f"runner = GitRunner(Path({str(tmp_path)!r}), GitLimits(), config, lambda: None)\n"
        f"runner.read('ls-remote', '--', {server.url('silent.git')!r})\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        wait_for(lambda: server.asked, seconds=10, what="git asking the server")
        assert gits_in(tmp_path)
    finally:
        worker.kill()
        worker.wait()
    wait_for(lambda: not gits_in(tmp_path), seconds=2, what="git having ended")


def test_git_ends_when_nobody_wants_it_any_more(server: GitServer, tmp_path: Path) -> None:
    server.answers["silent.git"] = wait
    is_over = threading.Event()
    threading.Timer(0.5, is_over.set).start()

    class Over(Exception):
        pass

    def tick() -> None:
        if is_over.is_set():
            raise Over

    began = time.monotonic()
    with pytest.raises(Over):
        bring(server, tmp_path, "silent.git", on_tick=tick)
    assert time.monotonic() - began < 1.5
    assert_no_git_is_left(tmp_path)


def gits_in(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def assert_no_git_is_left(folder: Path) -> None:
    wait_for(lambda: not gits_in(folder), seconds=2, what="git having ended")
