"""Which addresses and refs are taken at all, and which hosts are asked: no network is touched here."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from apps.library.git.addresses import GitAddress, check_ref, checked, not_public, parse_address, resolve
from apps.library.git.commits import git_config
from apps.library.git.errors import SENTENCES, FetchFailed
from apps.library.git.runner import GitLimits


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://forge.example/ada/lib", "https://forge.example/ada/lib"),
        ("  HTTPS://Forge.Example:443/ada/lib.git/ ", "https://forge.example/ada/lib.git"),
        ("https://forge.example./~ada/lib", "https://forge.example/~ada/lib"),
        ("https://203.0.113.9/lib", "https://203.0.113.9/lib"),
        ("https://[2606:4700::1111]/lib", "https://[2606:4700::1111]/lib"),
    ],
)
def test_an_address_is_written_one_way(text: str, url: str) -> None:
    assert parse_address(text).url == url


def test_a_repository_is_called_by_the_last_part_of_its_path() -> None:
    assert parse_address("https://forge.example/ada/lib.git").name == "lib"


HOSTILE = {
    "plain http": "http://forge.example/lib",
    "a file": "file:///etc/passwd",
    "a path": "/etc/passwd",
    "a helper": "ext::sh -c touch% /tmp/canary",
    "a helper over https": "ext::https://forge.example/lib",
    "ssh": "ssh://git@forge.example/lib",
    "ssh as scp writes it": "git@forge.example:ada/lib",
    "git's own port": "git://forge.example/lib",
    "an option": "--upload-pack=touch /tmp/canary",
    "user and password": "https://ada:secret@forge.example/lib",
    "a user": "https://ada@forge.example/lib",
    "an empty user": "https://@forge.example/lib",
    "a user that looks like a host": "https://forge.example@127.0.0.1/lib",
    "another port": "https://forge.example:8443/lib",
    "port 0": "https://forge.example:0/lib",
    "no port at all": "https://forge.example:99999/lib",
    "a query": "https://forge.example/lib?service=x",
    "a fragment": "https://forge.example/lib#x",
    "a newline": "https://forge.example/lib\nhttp.proxy=x",
    "a carriage return": "https://forge.example/li\rb",
    "a tab": "https://forge.example/\tlib",
    "NUL": "https://forge.example/lib\x00x",
    "a blank": "https://forge.example/a b",
    "a backslash": "https://forge.example\\@127.0.0.1/lib",
    "letters of another script": "https://fоrge.example/lib",
    "dots": "https://forge.example/a/../lib",
    "encoded dots": "https://forge.example/a/%2E%2e/lib",
    "no path": "https://forge.example",
    "an empty path": "https://forge.example//",
    "a part without a name": "https://forge.example/a//b",
    "no host": "https:///lib",
    "a number for a host": "https://2130706433/lib",
    "a hexadecimal host": "https://0x7f.0.0.1/lib",
    "a hexadecimal end": "https://127.0.0.0x1/lib",
    "an octal host": "https://0177.0.0.1/lib",
    "a short address": "https://127.1/lib",
    "an IPv6 address with a zone": "https://[fe80::1%25eth0]/lib",
    "brackets around nothing": "https://[]/lib",
    "a label that begins with a dash": "https://-forge.example/lib",
    "a pinned name of another host": "https://forge.example:443:127.0.0.1/lib",
    "more than can be kept": "https://forge.example/" + "a" * 1024,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_plain_https_address_is_refused(text: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        parse_address(text)

    assert caught.value.code == "git_bad_address"
    assert "https://host/path" in caught.value.sentence


REFS = {
    "an option": "--upload-pack=touch /tmp/canary",
    "a short option": "-x",
    "a newline": "main\nx",
    "NUL": "main\x00",
    "a blank": "my branch",
    "dots": "main..other",
    "a refspec": "+refs/heads/main:refs/heads/x",
    "a parent": "main~1",
    "a peeled object": "main^{tree}",
    "a past state": "main@{1}",
    "a pattern": "refs/heads/*",
    "a slash at its end": "main/",
    "a hidden part": "a/.b",
    "a lock": "main.lock",
    "a bidirectional mark": "main\u202e",
    "more than can be kept": "a" * 201,
}


@pytest.mark.parametrize("ref", REFS.values(), ids=REFS.keys())
def test_what_can_be_no_ref_is_refused(ref: str) -> None:
    with pytest.raises(FetchFailed, match="no name of a branch, tag or commit"):
        check_ref(ref)


@pytest.mark.parametrize(
    "ref", ["", "main", " v5.2 ", "feature/größer", "refs/pull/7/head", "a" * 40, "1.0-rc_1"]
)
def test_names_of_branches_tags_and_commits_are_taken(ref: str) -> None:
    assert check_ref(ref) == ref.strip()


NUMBERS = {
    "127.0.0.1": "loopback",
    "127.8.9.10": "loopback",
    "0.0.0.0": "unspecified",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "192.168.1.1": "private",
    "169.254.1.1": "link-local",
    "169.254.169.254": "cloud metadata",
    "168.63.129.16": "cloud metadata",
    "100.64.0.1": "shared",
    "100.100.100.200": "shared",
    "192.0.0.192": "reserved",
    "192.88.99.1": "reserved",
    "198.18.0.1": "private",
    "224.0.0.1": "multicast",
    "255.255.255.255": "private",
    "240.0.0.1": "private",
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "IPv4-compatible",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "cloud metadata",
    "::ffff:100.64.0.1": "shared",
    "2002:7f00:1::": "loopback",
    "2002:c0a8:101::1": "private",
    "64:ff9b::7f00:1": "loopback",
    "64:ff9b::a9fe:a9fe": "cloud metadata",
    "64:ff9b:1::7f00:1": "NAT64",
    "2001:0:7f00:1::": "Teredo",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "fc00::1": "private",
    "fd00:ec2::254": "cloud metadata",
    "ff02::1": "multicast",
    "2001:db8::1": "private",
    "3fff::1": "reserved",
}


@pytest.mark.parametrize(("number", "kind"), NUMBERS.items(), ids=NUMBERS.keys())
def test_addresses_that_are_not_public_are_told_by_their_kind(number: str, kind: str) -> None:
    assert not_public(ip_address(number)) == kind


@pytest.mark.parametrize(
    "number", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses_are_public_in_every_spelling(number: str) -> None:
    assert not_public(ip_address(number)) == ""


FORGE = GitAddress("forge.example", 443, "/lib")


def answering(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> list[str]:
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_with_one_private_address_among_several_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "8.8.8.8", "10.0.0.1", "9.9.9.9")

    with pytest.raises(FetchFailed, match=r"not public \(private\)") as caught:
        resolve(FORGE)

    assert caught.value.code == "git_private_address"
    assert "10.0.0.1" not in caught.value.sentence, "what a network looks like inside is nobody's business"


def test_a_name_is_looked_up_once_and_all_its_addresses_are_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, "8.8.8.8", "9.9.9.9", "8.8.8.8")

    assert resolve(FORGE) == ("8.8.8.8", "9.9.9.9")
    assert asked == ["forge.example"]


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(FetchFailed, match=r"no host called forge\.example"):
        resolve(FORGE)


@pytest.mark.parametrize("host", ["203.0.113.9", "[2606:4700::1111]"])
def test_a_host_that_is_an_address_needs_no_pin(host: str) -> None:
    address = parse_address(f"https://{host}/lib")

    assert git_config(address, (address.host,), "", GitLimits())["http.curloptResolve"] == ""


def test_several_addresses_are_pinned_in_brackets_where_they_need_them() -> None:
    config = git_config(FORGE, ("8.8.8.8", "2606:4700::1111"), "", GitLimits())

    assert config["http.curloptResolve"] == "forge.example:443:8.8.8.8,[2606:4700::1111]"


def test_an_operator_may_name_private_hosts_and_their_ports(settings: Any) -> None:
    settings.GIT_PRIVATE_HOSTS = {"forge.lan:8443"}

    address = parse_address("https://forge.lan:8443/lib")
    assert checked(address, ["10.0.0.1", "::1"]) == ("10.0.0.1", "::1")
    with pytest.raises(FetchFailed, match="only port 443"):
        parse_address("https://forge.lan:9443/lib")
    with pytest.raises(FetchFailed, match="not public"):
        # The name without the port is another one.
        checked(parse_address("https://forge.lan/lib"), ["10.0.0.1"])


def test_an_operator_may_narrow_the_hosts(settings: Any) -> None:
    settings.GIT_HOSTS = {"forge.example"}

    assert parse_address("https://forge.example/lib").host == "forge.example"
    with pytest.raises(FetchFailed, match=r"not fetched from other\.example"):
        parse_address("https://other.example/lib")


def test_every_code_names_cause_and_remedy() -> None:
    for sentence in SENTENCES.values():
        assert sentence.count(".") + sentence.count(":") >= 2, sentence
