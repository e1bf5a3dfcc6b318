"""Which addresses are fetched from: https alone, and only hosts whose every address is public.

The operator may name private hosts (settings.GIT_PRIVATE_HOSTS), with a port where it is not 443, and may narrow
the public ones to a list (settings.GIT_HOSTS).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

from apps.library.git.errors import FetchFailed

LONGEST_URL = 1024
LONGEST_REF = 200
HTTPS_PORT = 443
MOST_ADDRESSES = 16

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
# As git-check-ref-format says.
_NOT_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$|^[-/.]|^@$")
_NAT64 = IPv6Network("64:ff9b::/96")
_TUNNELS = {
    "NAT64": IPv6Network("64:ff9b:1::/48"),
    "Teredo": IPv6Network("2001::/32"),
    "IPv4-compatible": IPv6Network("::/96"),
}
# For special purposes (IANA's registries), which not every version of Python tells.
_RESERVED = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16")))
# Public by its number, and answered by the machine's own host: Azure's wire server.
_METADATA = {ip_address("169.254.169.254"), ip_address("168.63.129.16"), ip_address("fd00:ec2::254")}

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class GitAddress:
    """Where a repository lies. host: lower case, an IPv6 literal without brackets. path: with its slash."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"https://{self.authority}"

    @property
    def url(self) -> str:
        return self.origin + self.path

    @property
    def name(self) -> str:
        """What people call it: the last part of the path, without `.git`."""
        return self.path.rpartition("/")[2].removesuffix(".git") or self.host

    @property
    def is_literal(self) -> bool:
        """Whether the host is an IP address."""
        return ":" in self.host or self.host.replace(".", "").isdigit()

    @property
    def is_private(self) -> bool:
        """Whether the operator named this host and port as one that may lie inside a network."""
        return self.authority in settings.GIT_PRIVATE_HOSTS


def parse_address(text: str) -> GitAddress:
    """The address of a repository as somebody typed it. Asks nobody.

    Raises FetchFailed (git_bad_address, git_host_not_allowed).
    """
    text = text.strip()
    if len(text) > LONGEST_URL:
        raise _bad(f"it is longer than {LONGEST_URL} characters.")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise _bad("it has blanks, control characters, or letters beyond ASCII.")
    if not text.lower().startswith("https://"):
        raise _bad("only https is fetched.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad("its host or port cannot be read.") from None
    if "@" in parts.netloc:
        raise _bad("it holds a user name or a password; a token has a field of its own.")
    if "?" in text or "#" in text:
        raise _bad("it has a query or a fragment.")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.lower().replace("%2e", ".").split("/")):
        raise _bad("its path is missing, or not a plain one.")
    address = GitAddress(_host(parts.hostname or ""), HTTPS_PORT if port is None else port, path)
    _check_host(address)
    return address


def _host(name: str) -> str:
    name = name.lower().removesuffix(".")
    if ":" in name:
        try:
            return str(IPv6Address(name)) if "%" not in name else _not_a_host()
        except ValueError:
            return _not_a_host()
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        # 0x7f.1 and 2130706433 are addresses too, which every program reads its own way.
        try:
            return str(IPv4Address(name))
        except ValueError:
            return _not_a_host()
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return _not_a_host()
    return name


def _not_a_host() -> str:
    raise _bad("its host is neither a name nor a plain IP address.")


def _check_host(address: GitAddress) -> None:
    if address.is_private:
        return
    if address.port != HTTPS_PORT:
        raise _bad(f"only port {HTTPS_PORT} is asked, unless the operator names another one for this host.")
    if settings.GIT_HOSTS and address.host not in settings.GIT_HOSTS:
        raise FetchFailed("git_host_not_allowed", host=address.host)


def _bad(reason: str) -> FetchFailed:
    return FetchFailed("git_bad_address", reason=reason)


def check_ref(ref: str) -> str:
    """A branch, tag or commit as somebody typed it, trimmed; "" for the default branch. Raises FetchFailed (git_bad_ref)."""
    ref = ref.strip(" ")
    if len(ref) > LONGEST_REF or not ref.isprintable() or _NOT_IN_REF.search(ref):
        raise FetchFailed("git_bad_ref", ref="".join(sign for sign in ref if sign.isprintable())[:60])
    return ref


def resolve(address: GitAddress) -> tuple[str, ...]:
    """The addresses of a host, all of them checked: whoever connects must use these and ask no name again.

    Asks the system's resolver. Raises FetchFailed (git_unknown_host, git_private_address).
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchFailed("git_unknown_host", host=address.host) from None
    numbers = list(dict.fromkeys(str(one[4][0]) for one in found))
    return checked(address, numbers)


def checked(address: GitAddress, numbers: Sequence[str]) -> tuple[str, ...]:
    """The given addresses of a host when every one of them may be asked. Raises FetchFailed."""
    if not numbers:
        raise FetchFailed("git_unknown_host", host=address.host)
    if not address.is_private:
        for number in numbers:
            if kind := not_public(ip_address(number)):
                raise FetchFailed("git_private_address", host=address.host, kind=kind)
    return tuple(numbers[:MOST_ADDRESSES])


def not_public(address: Address) -> str:
    """Why an address is none of the public internet, in a word or two; empty for one that is.

    An address that carries another one (mapped, 6to4, NAT64) is as public as that.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return "link-local"
        carried = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            carried = IPv4Address(int(address) & 0xFFFF_FFFF)
        if carried is not None:
            return not_public(carried)
    if address in _METADATA:
        return "cloud metadata"
    if isinstance(address, IPv6Address) and not address.is_loopback and not address.is_unspecified:
        for word, network in _TUNNELS.items():
            if address in network:
                return word
    for word in ("unspecified", "loopback", "link_local", "multicast", "private", "reserved", "site_local"):
        if getattr(address, f"is_{word}", False):
            return word.replace("_", "-")
    if any(address in network for network in _RESERVED):
        return "reserved"
    return "" if address.is_global else "shared"
