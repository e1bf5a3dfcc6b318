"""Broken PDFs by the thousand: each a seeded change of a whole one, in the ways files break and are broken."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Mutator = Callable[[random.Random, bytes, bytes], bytes]

_NUMBERS = (b"-1", b"0", b"65535", b"2147483647", b"4294967296", b"-2147483648", b"99999999999999999999")


def flip_bytes(chance: random.Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4, 30, max(1, len(data) // 200)))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def truncate(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: chance.randrange(1, len(data))]


def splice(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """A piece of another file in the middle of this one, over what was there or between."""
    start = chance.randrange(len(other))
    piece = other[start : start + chance.choice((16, 400, 20_000))]
    place = chance.randrange(len(data))
    return data[:place] + piece + data[place + chance.choice((0, len(piece))) :]


def cut_out(chance: random.Random, data: bytes, other: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + data[place + chance.choice((1, 50, 2_000)) :]


def damage_xref(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Wrong offsets in the table, or a wrong place of the table."""
    places = [match.span(1) for match in re.finditer(rb"(\d{10}) \d{5} [nf]", data)]
    places += [match.span(1) for match in re.finditer(rb"startxref\s+(\d+)", data)]
    return _put(chance, data, places, lambda old: str(chance.randrange(len(data))).zfill(len(old)).encode())


def lie_about_length(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return _lie(chance, data, rb"/(?:Length\d?|N|First|Size|Prev)\s+(\d+)")


def lie_about_size(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Pages, pictures, fonts and colours that claim to be other than they are."""
    return _lie(chance, data, rb"/(?:Count|Width|Height|BitsPerComponent|Columns|Colors|Rotate|W)\s+(\d+)")


def lie_anywhere(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return _lie(chance, data, rb"[\s\[](\d+)[\s\]]")


def swap_objects(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """References that lead elsewhere: to parents, to themselves, to nothing."""
    numbers = re.findall(rb"(\d+) 0 obj", data) or [b"1"]
    places = [match.span(1) for match in re.finditer(rb"(\d+) 0 R", data)]
    places += [match.span(1) for match in re.finditer(rb"(\d+) 0 obj", data)]
    return _put(chance, data, places, lambda old: chance.choice(numbers))


def damage_header(chance: random.Random, data: bytes, other: bytes) -> bytes:
    junk = bytes(chance.randrange(256) for _ in range(chance.choice((1, 8, 200))))
    # The signature stays within reach, so that the file is taken in.
    return chance.choice((junk + data, data[:5] + junk + data[5 + len(junk) :]))


def rename_keys(chance: random.Random, data: bytes, other: bytes) -> bytes:
    names = re.findall(rb"/[A-Za-z]{2,20}", data) or [b"/Type"]
    places = [match.span() for match in re.finditer(rb"/[A-Za-z]{2,20}", data)]
    return _put(chance, data, places, lambda old: chance.choice(names))


MUTATORS: tuple[Mutator, ...] = (
    flip_bytes,
    truncate,
    splice,
    cut_out,
    damage_xref,
    lie_about_length,
    lie_about_size,
    lie_anywhere,
    swap_objects,
    damage_header,
    rename_keys,
)


def mutate(seed: int, sources: Sequence[bytes]) -> tuple[str, bytes]:
    """The name of what was done, and the file; the same for the same seed and sources."""
    chance = random.Random(seed)
    mutator = MUTATORS[seed % len(MUTATORS)]
    data, other = chance.choice(sources), chance.choice(sources)
    return mutator.__name__, mutator(chance, data, other)


def _lie(chance: random.Random, data: bytes, pattern: bytes) -> bytes:
    places = [match.span(1) for match in re.finditer(pattern, data)]
    return _put(chance, data, places, lambda old: chance.choice(_NUMBERS))


def _put(
    chance: random.Random, data: bytes, places: list[tuple[int, int]], new: Callable[[bytes], bytes]
) -> bytes:
    """New words at one to five of these places; where there are none, single bytes change."""
    if not places:
        return flip_bytes(chance, data, data)
    for start, end in sorted(chance.sample(places, min(len(places), chance.randint(1, 5))), reverse=True):
        data = data[:start] + new(data[start:end]) + data[end:]
    return data
