"""A gibibyte over a line of 20 MB/s: what it costs the web process, and that cuts cost nothing but their moment."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.memory import MIB, Peak, proportional_bytes
from tests.live.client import ApiClient
from tests.live.conftest import EMAIL, PASSWORD
from tests.live.tus import BLOCK_BYTES, Tus, paced, read_reply
from tests.services import LiveStack, run_live_stack, wait_for

GIB = 1024**3
BYTES_PER_SECOND = 20_000_000
MOST_ADDED_BYTES = 50 * MIB
CUTS = 20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    folder = tmp_path_factory.mktemp("soak")
    with run_live_stack(folder / "data", environment={"DOCANALYST_MAX_UPLOAD_MB": "1024"}) as stack:
        arguments = (EMAIL, "--password-stdin", "--workspace", "Soak", "--role", "owner")
        stack.manage("create_user", *arguments, text_input=PASSWORD)
        yield stack


@pytest.fixture(scope="module")
def api(stack: LiveStack) -> ApiClient:
    return ApiClient(stack.url, stack.manage("create_token", EMAIL).strip().splitlines()[-1])


def write_large_pdf(path: Path, size: int, seed: int) -> str:
    """A sound PDF of exactly `size` bytes, nearly all of them in one stream that no page shows; its SHA-256."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R"
        b" /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length 62 >>\nstream\nBT /F 12 Tf 20 200 Td (The rent is due on the third day.) Tj ET   \nendstream",
    ]
    digest, block = hashlib.sha256(), random.Random(seed).randbytes(MIB)
    with path.open("wb") as file:

        def write(data: bytes) -> None:
            file.write(data)
            digest.update(data)

        places = []
        write(b"%PDF-1.7\n")
        for number, content in enumerate(objects, start=1):
            places.append(file.tell())
            write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        places.append(file.tell())
        table = "".join(f"{place:010d} 00000 n \n" for place in places).encode()
        count = len(places) + 1
        tail = b"\nendstream\nendobj\nxref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
        tail += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%010d\n%%%%EOF\n"
        head = b"5 0 obj\n<< /Length %010d >>\nstream\n"
        rest = size - file.tell() - len(head % 0) - len(tail % (count, 0))
        write(head % rest)
        for start in range(0, rest, MIB):
            write(block[: min(MIB, rest - start)])
        write(tail % (count, file.tell() + len(b"\nendstream\nendobj\n")))
        assert file.tell() == size
    return digest.hexdigest()


def blocks(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while length > 0 and (block := file.read(min(BLOCK_BYTES, length))):
            length -= len(block)
            yield block


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_gibibyte_in_one_piece_adds_little_to_the_web_process(
    stack: LiveStack, api: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "large.pdf"
    digest = write_large_pdf(path, GIB, 1)
    tus, corpus_id = Tus(api), api.new_corpus("Large")
    # The first upload of a process imports and opens what any upload needs.
    warm = tmp_path / "warm.pdf"
    write_large_pdf(warm, 4 * MIB, 2)
    warm_path = tus.announce(corpus_id, "warm.pdf", 4 * MIB).headers["location"]
    assert tus.patch(warm_path, 0, warm.read_bytes()).status == 204
    web = stack.part("web")
    before = proportional_bytes(web)
    location = tus.announce(corpus_id, "large.pdf", GIB, digest).headers["location"]
    started = time.monotonic()
    with Peak(lambda: [web], every_seconds=0.2) as peak, tus.begin_patch(location, 0, GIB) as line:
        for block in paced(blocks(path, 0, GIB), BYTES_PER_SECOND):
            line.sendall(block)
        sent = time.monotonic() - started
        reply = read_reply(line)
    added = max(peak.bytes - before, 0)
    print(
        f"\n1 GiB at {GIB / sent / 1e6:.1f} MB/s: {added / MIB:.1f} MiB on top of {before / MIB:.0f} MiB;"
        f" {time.monotonic() - started - sent:.1f} s from the last byte to the document"
    )
    assert reply.status == 204, (reply.status, reply.body)
    assert digest_of(newest_original(stack)) == digest
    assert list((stack.data_dir / "uploads").iterdir()) == []
    assert added <= MOST_ADDED_BYTES
    (document,) = api.wait_until_read([reply.headers["content-location"].rsplit("/", 1)[1]], seconds=180)
    assert (document["status"], document["pages"]) == ("ready", 1)
    refused = tus.announce(corpus_id, "more.pdf", GIB + 1)
    assert (refused.status, refused.error_code) == (413, "too_large")


def test_a_gibibyte_cut_at_twenty_random_points_arrives_whole(
    stack: LiveStack, api: ApiClient, tmp_path: Path
) -> None:
    path, chance = tmp_path / "cut.pdf", random.Random(20)
    digest = write_large_pdf(path, GIB, 3)
    tus, corpus_id = Tus(api), api.new_corpus("Cut")
    location = tus.announce(corpus_id, "cut.pdf", GIB, digest).headers["location"]
    web, started, sent_twice = stack.part("web"), time.monotonic(), 0
    before = proportional_bytes(web)
    with Peak(lambda: [web], every_seconds=0.2) as peak:
        for cut in sorted(chance.randrange(1, GIB) for _ in range(CUTS)):
            here = tus.offset(location)
            if cut <= here:
                continue
            tus.send_and_cut(
                location, here, GIB - here, paced(blocks(path, here, cut - here), BYTES_PER_SECOND)
            )
            wait_for(
                lambda: tus.patch(location, tus.offset(location), b"").status == 204,
                seconds=30,
                what="the upload free again",
            )
            sent_twice += cut - tus.offset(location)
        here = tus.offset(location)
        with tus.begin_patch(location, here, GIB - here) as line:
            for block in paced(blocks(path, here, GIB - here), BYTES_PER_SECOND):
                line.sendall(block)
            reply = read_reply(line)
    added = max(peak.bytes - before, 0)
    print(
        f"\n1 GiB cut at {CUTS} points: whole after {time.monotonic() - started:.0f} s,"
        f" {sent_twice / MIB:.1f} MiB sent twice, {added / MIB:.1f} MiB added to the web process"
    )
    assert reply.status == 204, (reply.status, reply.body)
    assert digest_of(newest_original(stack)) == digest
    assert list((stack.data_dir / "uploads").iterdir()) == []
    assert added <= MOST_ADDED_BYTES


def newest_original(stack: LiveStack) -> Path:
    originals = (stack.data_dir / "files").glob("*/*/original")
    return max(originals, key=lambda one: one.stat().st_mtime)
