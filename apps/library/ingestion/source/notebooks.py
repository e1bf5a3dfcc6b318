"""A Jupyter notebook as the text that people see: cells in order, each behind a heading, with what they gave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Of several forms of one output the one that reads best; pictures and programs are left out.
_TEXT_FORMS = ("text/plain", "text/markdown", "text/latex", "text/html", "application/json")


def notebook_text(text: str) -> str | None:
    """Code, text and outputs of a notebook, each cell behind a line `# %% [markdown] Cell 3`; None for what is none.

    Outputs stand as comments below their cell; what is no text is named and left out.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = _cells(notebook)
    if cells is None:
        return None
    parts = []
    for number, cell in enumerate(cells, 1):
        kind = cell.get("cell_type")
        sign = "" if kind == "code" else f" [{kind if kind in ('markdown', 'raw') else 'text'}]"
        parts.append(f"# %%{sign} Cell {number}\n{_joined(cell.get('source', cell.get('input')))}\n")
        parts += [f"# Output:\n{_commented(output)}\n" for output in _outputs(cell)]
    return "\n".join(parts)


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        return None
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):
        # Before version 4 cells lay in worksheets.
        cells = [
            cell
            for sheet in notebook["worksheets"]
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    return cells


def _outputs(cell: dict[str, Any]) -> Iterator[str]:
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        if output.get("output_type") == "stream":
            yield _joined(output.get("text"))
        elif "traceback" in output:
            yield _joined(output["traceback"], "\n")
        else:
            data = output.get("data", output)
            yield _best_form(data if isinstance(data, dict) else {})


def _best_form(data: dict[str, Any]) -> str:
    left_out = [form for form in data if "/" in form and form not in _TEXT_FORMS]
    notes = [f"[{form} left out]" for form in sorted(left_out)]
    for form in (*_TEXT_FORMS, "text"):
        if form in data:
            shown = data[form] if isinstance(data[form], str | list) else json.dumps(data[form])
            return "\n".join([_joined(shown), *notes])
    return "\n".join(notes)


def _joined(value: Any, between: str = "") -> str:
    lines: Iterable[Any] = value if isinstance(value, list) else [value]
    text = between.join(line for line in lines if isinstance(line, str))
    return _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\x00", "␀").rstrip("\n")


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.split("\n"))
