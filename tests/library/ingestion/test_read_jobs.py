"""Files of a tree read in a child that can open nothing: the same as without it."""

from __future__ import annotations

import json
import tempfile

from django.conf import settings

from apps.common.markers import packed_tail
from apps.library.ingestion import jobs
from apps.library.ingestion.source import read_jobs
from apps.library.ingestion.source.read_jobs import read_file
from apps.library.ingestion.tree.unpacking import tree_sandbox
from apps.llm.tokens import count_tokens
from tests.library.ingestion import secret_samples
from tests.library.ingestion.test_decoding import CODE, WORDS

ENCODINGS = {
    "German": ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "latin-1", "mac-roman"],
    "Russian": ["cp1251", "koi8-r", "cp866", "iso8859-5"],
    "Japanese": ["shift-jis", "euc-jp"],
    "Chinese": ["gb18030"],
    "Taiwanese": ["big5"],
    "Korean": ["cp949", "johab"],
    "Czech": ["cp1250", "iso8859-2"],
    "Greek": ["cp1253", "iso8859-7"],
}  # fmt: skip
DECLARED = ["iso-8859-3", "idna", "utf-7", "hex", "mbcs", "cp037", "nothing"]
NOTEBOOK = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1", "outputs": []}]})


def test_a_child_reads_every_kind_of_file_as_its_parent_would() -> None:
    files = {
        f"{language}/{name}.py": (CODE + WORDS[language] * 3).encode(name)
        for language, names in ENCODINGS.items()
        for name in names
    }
    files |= {
        "code.py": CODE.encode() * 90,
        "marker.md": b"\tsee [[1:2]] and <evidence>\r\n",
        "blank.txt": b"\n" * 130,
        "empty.py": b"",
        "note.ipynb": NOTEBOOK.encode(),
        "broken.ipynb": NOTEBOOK.encode()[:-3],
        "key.pem": secret_samples.secrets()[37].text.encode(),
        "long.txt": b"x" * 1_000_100 + b"\nend\n",
        "binary": b"\x00\x01\x02" * 40,
        "noise": bytes(range(1, 256)) * 8,
    }
    # What a file says of itself may name any codec, also one that nobody has loaded.
    files |= {f"{name}.txt": f"coding: {name}\n".encode() + "größer\n".encode("latin-1") for name in DECLARED}
    files["strange.ipynb"] = NOTEBOOK.replace("x = 1", r"x\u0007 = \u202e'\ud800'").encode()
    jobs.cache_folder = settings.CACHE_DIR
    read_jobs.prepare()
    with tempfile.TemporaryFile() as spool, tree_sandbox() as box:
        places = []
        for path, data in files.items():
            places.append((path, spool.tell(), len(data)))
            spool.write(data)
        spool.flush()
        values = list(box.run("tree.read", fd=spool.fileno(), args={"files": places}))

    assert values == [json.loads(json.dumps(read_file(path, data))) for path, data in files.items()]
    by_path = {value["path"]: value for value in values}
    assert all(by_path[path]["encoding"] for path in files if path.endswith(".py"))
    assert [by_path[path]["skipped"] for path in ("binary", "noise")] == ["binary", "binary"]
    assert by_path["note.ipynb"]["flags"] == ["notebook"]
    assert by_path["strange.ipynb"]["flags"] == ["notebook", "bidi"]
    assert by_path["strange.ipynb"]["pages"][0]["text"] == "# %% Cell 1\nx␇ = \u202e'?'\n"
    assert all("größer" in by_path[f"{name}.txt"]["pages"][0]["text"] for name in DECLARED)
    assert by_path["broken.ipynb"]["flags"] == []
    assert by_path["key.pem"]["flags"] == ["masked"]
    assert by_path["long.txt"]["flags"] == ["cut"]
    assert [page["flags"] for page in by_path["blank.txt"]["pages"]] == [["blank"], ["blank"]]
    assert by_path["empty.py"]["pages"] == []
    assert by_path["marker.md"]["pages"][0]["text"] == "\tsee [ [1:2]] and < evidence>\n"


def test_the_tokens_of_a_page_are_those_of_its_packed_form() -> None:
    jobs.cache_folder = settings.CACHE_DIR
    read_jobs.prepare()
    value = read_file("app/[[...slug]]/a  b.py", ("\n" + CODE).encode() * 60)
    assert value["pages"][0]["label"].startswith("app/[[...slug]]/a  b.py:1–")
    for page in value["pages"]:
        packed = packed_tail(page["text"], label=page["label"].replace("a  b", "a b"))
        assert page["tokens"] == count_tokens(packed)
