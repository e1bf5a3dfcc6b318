"""What is left out of a repository unless its owner wants it: one table, each entry with its reason.

By name where the name leaves no doubt, else by content. A source file that is wrongly left out is worse than a
generated one that is read, so names that people give to their own code (build, lib, env, gen) are not here.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from apps.library.ingestion.source.decoding import is_binary

HEAD_BYTES = 16_384
"""How much of a file's beginning the rules look at."""

BINARY, LFS = "binary", "stored elsewhere (Git LFS)"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _reasons(table: dict[str, str]) -> dict[str, str]:
    return {word: reason for reason, words in table.items() for word in words.split()}


# Folders, at any depth, in lower case.
_FOLDERS = _reasons(
    {
        "version control": ".hg .svn .bzr cvs _darcs",
        "dependencies": "node_modules bower_components jspm_packages .venv .tox .nox site-packages .pnpm-store",
        "vendored": "_vendor third_party third-party thirdparty 3rdparty .yarn pods carthage",
        "build output": "dist .next .nuxt .svelte-kit .output .eggs htmlcov",
        "cache": "__pycache__ .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache .parcel-cache .turbo .gradle"
        " .terraform .ipynb_checkpoints",
        "generated": "__generated__ __macosx",
        "test snapshots": "__snapshots__",
    }
)
# Somebody's own code may be about vendors; copies of others lie at the top, or among what browsers load.
_VENDOR = re.compile(r"(?:^|(?:^|/)(?:static|assets|public|js|css|lib|resources)/)vendors?/$", re.IGNORECASE)

_LOCK_FILES = _words(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock poetry.lock uv.lock"
    " pdm.lock pipfile.lock cargo.lock gemfile.lock composer.lock go.sum go.work.sum mix.lock rebar.lock flake.lock"
    " podfile.lock cartfile.resolved package.resolved packages.lock.json gradle.lockfile pubspec.lock"
    " conan.lock .terraform.lock.hcl module.bazel.lock stack.yaml.lock symfony.lock"
)
_NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("minified", re.compile(r"[.-]min\.(?:js|mjs|cjs|css|html)$")),
    ("source map", re.compile(r"\.(?:js|mjs|cjs|ts|css)\.map$")),
    (
        "generated",
        re.compile(
            r"(?:_pb2(?:_grpc)?\.pyi?|\.pb(?:\.gw)?\.go|\.pb\.(?:cc|h)|_pb\.(?:js|d\.ts)|\.g\.dart|\.freezed\.dart"
            r"|\.designer\.(?:cs|vb)|\.g\.(?:i\.)?cs)$"
        ),
    ),
    ("test snapshots", re.compile(r"\.snap$")),
    ("system file", re.compile(r"^(?:\.ds_store|thumbs\.db|desktop\.ini)$")),
)

# What a binary file is called; the suffix alone leaves nothing out.
_BINARY_KINDS = _reasons(
    {
        "image": "png jpg jpeg jpe gif webp avif bmp ico icns cur tif tiff heic psd xcf tga dds exr",
        "font": "ttf otf ttc woff woff2 eot pfb pcf",
        "sound or video": "mp3 wav ogg oga flac aac m4a opus mp4 m4v mov avi mkv webm mpg mpeg mid",
        "archive inside": "zip tar gz tgz bz2 tbz xz txz zst lz4 7z rar jar war ear aar whl egg gem crate nupkg vsix"
        " deb rpm dmg iso apk ipa cab br",
        "compiled": "o a so dylib dll exe lib obj pyc pyo pyd class wasm elc beam bin mo ko efi nib",
        "PDF or office file": "pdf doc docx xls xlsx ppt pptx odt ods odp epub djvu",
        "database": "db sqlite sqlite3 mdb accdb dbf",
        "data": "npy npz h5 hdf5 pkl pickle pt pth onnx safetensors gguf ckpt tflite parquet arrow feather avro orc"
        " tfrecord mat fits nc dat shp shx",
    }
)
_MAGIC = ((b"%PDF-", "PDF or office file"), (b"%!PS-Adobe", "PDF or office file"))
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# Text that programs wrote for programs: read up to this size, which is more than any person wrote.
_DATA_SUFFIXES = _words(".csv .tsv .json .jsonl .ndjson .geojson .xml .sql .log .txt .dat .svg .har .ldif")
_MOST_DATA_BYTES = 1024**2
_MOST_DRAWING_BYTES = 32_768

# Near the top, behind the sign of a comment: a program that writes such a header names it further down, in a string.
_GENERATED_WITHIN = 2_048
_GENERATED = re.compile(
    rb"^[ \t]*(?:#|//|/\*|\*|--|;|%|<!--|\"\"\"|dnl|REM\b|\(\*)?[^\n\"'`]{0,200}"
    rb"(?:@generated\b|<auto-?generated|DO NOT (?:EDIT|MODIFY)\b[^\n]{0,120}generated|generated[^\n]{0,120}DO NOT (?:EDIT|MODIFY)\b"
    rb"|(?:generated|made|created) (?:automatically )?by (?:GNU (?:Autoconf|Bison)|aclocal|automake|flex|cython|SWIG|protoc)\b)",
    re.IGNORECASE | re.MULTILINE,
)
# One of them is in whatever the expression finds, and passing over the others makes a tree twice as fast to choose.
_GENERATED_WORDS = (b"generated", b"made ", b"created ")
_WEB_SUFFIXES = _words(".js .mjs .cjs .css")
_MINIFIED_LINE_BYTES = 400
_LEAST_MINIFIED_BYTES = 2_048


DEFAULT_REASONS = frozenset(_FOLDERS.values()) | {reason for reason, _ in _NAMES}
DEFAULT_REASONS |= {"vendored", "lock file", "large drawing", "data over 1 MiB", "generated", "minified"}
"""Reasons for which a text is left out although it could be read."""


def folder_reason(path: str) -> str:
    """Why a folder is left out as a whole, "" when it is not; path: with a slash at its end."""
    if reason := _FOLDERS.get(path[:-1].rpartition("/")[2].lower()):
        return reason
    return "vendored" if _VENDOR.search(path) else ""


def name_reason(path: str) -> str:
    """Why a file is left out by its name alone, "" when it is not."""
    name = PurePosixPath(path).name.lower()
    if name in _LOCK_FILES:
        return "lock file"
    return next((reason for reason, pattern in _NAMES if pattern.search(name)), "")


def binary_reason(path: str, head: bytes) -> str:
    """What a file without text is, "" for text; which nothing can change."""
    if head.startswith(_LFS_POINTER):
        return LFS
    for magic, reason in _MAGIC:
        if head.startswith(magic):
            return reason
    return _BINARY_KINDS.get(_suffix(path)[1:], BINARY) if is_binary(head) else ""


def content_reason(path: str, head: bytes, size: int) -> str:
    """Why a text is left out by what it holds, "" when it is not; head: its first HEAD_BYTES."""
    suffix = _suffix(path)
    if suffix == ".svg" and size > _MOST_DRAWING_BYTES:
        return "large drawing"
    if suffix in _DATA_SUFFIXES and size > _MOST_DATA_BYTES:
        return "data over 1 MiB"
    beginning = head[:_GENERATED_WITHIN].lower()
    if any(word in beginning for word in _GENERATED_WORDS) and _GENERATED.search(head, 0, _GENERATED_WITHIN):
        return "generated"
    if suffix in _WEB_SUFFIXES and size > _LEAST_MINIFIED_BYTES:
        lines = head.count(b"\n") + (len(head) == size)
        if len(head) > _MINIFIED_LINE_BYTES * lines:
            return "minified"
    return ""


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
