"""Lines of text on a picture, by the recognition models that come in rapidocr's wheel. Runs in a child only.

Importing this module loads the models: about 150 MB and 1 to 3 s, meant for a zygote, whose children share them.
Detection runs once over a smaller picture, recognition line by line over the full one; a page that lies on its side or
upside down is found out by a few of its lines. Never downloads: both models are named as files.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

# A child cannot start threads, and one of several children must not take every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
import rapidocr

cv2.setNumThreads(1)

Picture: TypeAlias = "np.ndarray[Any, Any]"
"""Height × width × 3, 8 bits, blue first."""
Quad: TypeAlias = "np.ndarray[Any, Any]"
"""Four points: where the line begins above, ends above, ends below, begins below; in pixels."""

# Detection costs by the pixel; text of 7 points on A4 is still found at this share of 150 dpi.
_DETECTION_SHARE = 0.73
_DETECTION_SIDES = (960, 2_560)
# A few words on an empty page are sometimes seen only when the page is smaller.
_FEW_LINES = 5
_SECOND_LOOK = 0.6
# Below this mean certainty of its characters a line is more likely a pattern than text.
_LEAST_SCORE = 0.5
# Upright print reads at 0.9 and more, upside down at 0.3 to 0.7.
_SURE_SCORE = 0.85
_SAMPLE_LINES = 4
# A box this much taller than wide may hold a line that runs up or down the page.
_TALL = 1.5
_MOST_TALL_LINES = 24
_MOST_LINES = 1_000
# A line holds about two Latin letters or one Chinese sign on each square of its height. Of an unknown script the
# model gives next to nothing, and is sure of it.
_LEAST_CHARACTERS_A_SQUARE = 0.3
_LEAST_SQUARES = 20
_MODELS = Path(rapidocr.__file__).parent / "models"


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """corners: as a Quad."""

    text: str
    corners: Quad


@dataclass(frozen=True, slots=True)
class RecognisedLine:
    """text: as recognised, never empty. corners: as a Quad. score: 0–1. words: in order."""

    text: str
    corners: Quad
    score: float
    words: tuple[RecognisedWord, ...]


@dataclass(frozen=True, slots=True)
class RecognisedPicture:
    """turns: quarter turns to the left after which the picture is upright; lines in no particular order.

    certainty: 0–1, the mean of its characters. is_known_script: False when the lines are long and hardly a letter
    of them was recognised.
    """

    lines: tuple[RecognisedLine, ...]
    turns: int
    certainty: float
    is_known_script: bool


def _load() -> Any:
    engine = rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            # Sizes are chosen here; neither step scales on its own.
            "Global.max_side_len": 20_000,
            "Det.limit_type": "max",
            "Det.limit_side_len": 20_000,
            "Det.model_path": str(_MODELS / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(_MODELS / "PP-OCRv6_rec_small.onnx"),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    # Models are loaded at first use, and a child could not open them any more.
    sample = np.full((64, 320, 3), 255, np.uint8)
    cv2.putText(sample, "warm", (20, 44), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    engine(sample, use_det=True, use_rec=False)
    engine(sample, use_det=False, use_rec=True, return_word_box=True)
    return engine


_engine = _load()


def recognise(picture: Picture) -> RecognisedPicture:
    """Detect and read every line; a dense page of 150 dpi costs about 8 s of one core."""
    quads = _detect(picture)
    turns, known = _turns(picture, quads)
    lines = []
    tall_lines = 0
    for index, rolled in enumerate(_rolled(quads, turns)):
        if _is_tall(rolled) and tall_lines < _MOST_TALL_LINES:
            tall_lines += 1
            # A single letter, or a line that runs down or up the page: whatever reads best.
            line = max(
                (_read(picture, np.roll(rolled, -turn, axis=0)) for turn in (0, 1, 3)),
                key=lambda line: line.score,
            )
        else:
            line = known.get(index) or _read(picture, rolled)
        if line.text and line.score >= _LEAST_SCORE:
            lines.append(line)
    characters = sum(len(line.text) for line in lines)
    squares = sum(width / height for width, height in map(_size, _rolled(quads, turns)) if height)
    return RecognisedPicture(
        tuple(lines),
        turns,
        sum(line.score * len(line.text) for line in lines) / max(1, characters),
        squares < _LEAST_SQUARES or characters >= _LEAST_CHARACTERS_A_SQUARE * squares,
    )


def _rolled(quads: list[Quad], turns: int) -> list[Quad]:
    return [np.roll(quad, -turns, axis=0) for quad in quads]


def _detect(picture: Picture) -> list[Quad]:
    side = max(picture.shape[:2])
    wanted = min(_DETECTION_SIDES[1], max(_DETECTION_SIDES[0], side * _DETECTION_SHARE))
    scale = min(1.0, wanted / side)
    quads = _detect_at(picture, scale)
    if len(quads) < _FEW_LINES:
        middles = [quad.mean(axis=0) for quad in quads]
        quads += [
            quad
            for quad in _detect_at(picture, scale * _SECOND_LOOK)
            if not any(_holds(quad, middle) for middle in middles)
            and not any(_holds(other, quad.mean(axis=0)) for other in quads)
        ]
    return quads


def _detect_at(picture: Picture, scale: float) -> list[Quad]:
    smaller = (
        picture
        if scale == 1.0
        else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    )
    boxes = _engine(smaller, use_det=True, use_rec=False).boxes
    if boxes is None:
        return []
    return [np.asarray(quad, np.float32) / scale for quad in boxes[:_MOST_LINES]]


def _turns(picture: Picture, quads: list[Quad]) -> tuple[int, dict[int, RecognisedLine]]:
    """How the page lies, and the lines that were read to find out, by index."""
    longest = sorted(range(len(quads)), key=lambda index: -max(_size(quads[index])))[:_SAMPLE_LINES]
    lying = sum(max(_size(quad)) for quad in quads if _is_tall(quad))
    standing = sum(max(_size(quad)) for quad in quads if not _is_tall(quad))
    best: tuple[float, int, dict[int, RecognisedLine]] = (-1.0, 0, {})
    for turns in (1, 3) if lying > standing else (0, 2):
        sample = {index: _read(picture, np.roll(quads[index], -turns, axis=0)) for index in longest}
        score = sum(line.score for line in sample.values()) / max(1, len(sample))
        if score > best[0]:
            best = (score, turns, sample)
        if score >= _SURE_SCORE:
            break
    return best[1], best[2]


def _read(picture: Picture, quad: Quad) -> RecognisedLine:
    width, height = (max(1, round(side)) for side in _size(quad))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    strip = cv2.warpPerspective(
        picture,
        cv2.getPerspectiveTransform(quad, corners),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    found = _engine(strip, use_det=False, use_rec=True, return_word_box=True)
    text, score = (found.txts[0], float(found.scores[0])) if found.txts else ("", 0.0)
    return RecognisedLine(text.strip(), quad, score, _words(text, quad, found))


def _words(text: str, quad: Quad, found: Any) -> tuple[RecognisedWord, ...]:
    """Places from the columns in which the model saw each character; ends lie half-way between words."""
    info = found.word_results[0] if text.strip() else None
    if not info or not info.line_txt_len:
        return ()
    columns = [column for word in info.word_cols for column in word]
    words = text.split()
    if len(columns) != sum(map(len, words)):
        return (RecognisedWord(text.strip(), quad),)
    wide = (columns[-1] - columns[0]) / max(1, len(columns) - 1)
    spans: list[tuple[float, float]] = []
    start = 0
    for word in words:
        first, last = columns[start], columns[start + len(word) - 1]
        spans.append((first + 0.5 - wide, last + 0.5 + wide))
        start += len(word)
    for index in range(len(spans) - 1):
        left, right = spans[index], spans[index + 1]
        if left[1] > right[0]:
            middle = (left[1] + right[0]) / 2
            spans[index], spans[index + 1] = (left[0], middle), (middle, right[1])
    return tuple(
        RecognisedWord(word, _part(quad, first / info.line_txt_len, last / info.line_txt_len))
        for word, (first, last) in zip(words, spans, strict=True)
    )


def _part(quad: Quad, first: float, last: float) -> Quad:
    """The piece of a line between two fractions of its length."""
    first, last = max(0.0, min(1.0, first)), max(0.0, min(1.0, last))
    above, below = quad[1] - quad[0], quad[2] - quad[3]
    return np.array(
        [quad[0] + above * first, quad[0] + above * last, quad[3] + below * last, quad[3] + below * first],
        np.float32,
    )


def _holds(quad: Quad, point: Any) -> bool:
    return bool((quad.min(axis=0) <= point).all() and (point <= quad.max(axis=0)).all())


def _size(quad: Quad) -> tuple[float, float]:
    """Length along the line, and height."""
    return math.dist(quad[0], quad[1]), math.dist(quad[0], quad[3])


def _is_tall(quad: Quad) -> bool:
    width, height = _size(quad)
    return height > _TALL * width
