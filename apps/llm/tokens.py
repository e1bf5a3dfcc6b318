"""The only token counter: Llama 4's vocabulary, its chat template and its picture tiles.

Sums are exact. Text is cut into words before it is encoded, and a line end followed by a character that is
neither white space nor `/` is always such a cut. Every part of a prompt ends and begins that way, so the count
of a prompt is the sum of the counts of its parts.
"""

import base64
import re
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import tiktoken

TOKENIZER = "llama4"

# Chat template: one token opens the text; each message adds header start, role, header end, blank line and
# end of turn; the header of the assistant's turn closes the prompt.
CHAT_OVERHEAD_START = 1
CHAT_OVERHEAD_MESSAGE = 5
CHAT_OVERHEAD_END = 4

# Source: llama_models/llama4/tokenizer.py, `O200K_PATTERN`.
_SPLIT_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)

# tiktoken's matcher overflows its stack on very long runs of white space. Runs are cut where Llama's own
# tokenizer cuts them, so counts agree. (It also cuts at every 400,000th character, wherever that falls; servers
# do not, sums could not be exact with it, and pages are shorter.)
_LONGEST_RUN = 25_000
_LONG_RUN = re.compile(rf"\s{{{_LONGEST_RUN + 1},}}|\S{{{_LONGEST_RUN + 1},}}")

_TILE_PIXELS = 336
_loading = threading.Lock()


def count_tokens(text: str) -> int:
    """Tokens of a text by itself, without any template; `<|…|>` counts as the plain text it is.

    The vocabulary loads at the first call (0.4 s, about 100 MB) and stays for the life of the process; load it
    before forking to share it. Thread-safe. Raises RuntimeError when llama-models is not installed whole.
    """
    encode = _encoding().encode_ordinary
    if len(text) <= _LONGEST_RUN:
        return len(encode(text))
    return sum(len(encode(piece)) for piece in _cut_long_runs(text))


def marker_tokens(ordinal: int, number: int) -> int:
    """Tokens of `[[ordinal:number`, which open a packed page; digits go by threes."""
    return 2 + -(-len(str(ordinal)) // 3) + -(-len(str(number)) // 3)


def prompt_tokens(message_counts: Sequence[int]) -> int:
    """Tokens of a whole request as Llama 4's chat template writes it, from the count of each message's text."""
    return CHAT_OVERHEAD_START + added_tokens(message_counts) + CHAT_OVERHEAD_END


def added_tokens(message_counts: Sequence[int]) -> int:
    """Tokens that further messages add to a request, from the count of each one's text."""
    return sum(CHAT_OVERHEAD_MESSAGE + count for count in message_counts)


def image_tokens(width: int, height: int, max_tiles: int = 16) -> int:
    """Tokens of a picture of so many pixels; an upper bound where a host shrinks pictures first.

    144 tokens a tile of 336 pixels and a separator for each; more than one tile adds a view of the whole.
    Source: llama_models/llama4/preprocess.py and chat_format.py.
    """
    if width <= 0 or height <= 0:
        raise ValueError("A picture has a width and a height above zero.")
    grids = [
        (rows, columns) for rows in range(1, max_tiles + 1) for columns in range(1, max_tiles // rows + 1)
    ]

    def scale(grid: tuple[int, int]) -> float:
        return min(grid[1] * _TILE_PIXELS / width, grid[0] * _TILE_PIXELS / height)

    large_enough = [grid for grid in grids if scale(grid) >= 1]
    best = min(map(scale, large_enough)) if large_enough else max(map(scale, grids))
    tiles = min(rows * columns for rows, columns in grids if scale((rows, columns)) == best)
    return 147 if tiles == 1 else 145 * tiles + 147


def vocabulary_path() -> Path:
    """Llama 4's vocabulary inside the installed llama-models, found without importing that package."""
    spec = find_spec("llama_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "llama4" / "tokenizer.model"
        if path.is_file():
            return path
    raise RuntimeError("The Llama 4 vocabulary is missing: install the package llama-models.")


def _encoding() -> tiktoken.Encoding:
    with _loading:
        return _load_encoding()


@cache
def _load_encoding() -> tiktoken.Encoding:
    lines = vocabulary_path().read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    return tiktoken.Encoding(TOKENIZER, pat_str=_SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens={})


def _cut_long_runs(text: str) -> Iterator[str]:
    start = 0
    for run in _LONG_RUN.finditer(text):
        for cut in range(run.start() + _LONGEST_RUN, run.end(), _LONGEST_RUN):
            yield text[start:cut]
            start = cut
    yield text[start:]
