"""Counts a request with llama_models' own chat format, in a process of its own.

As a program it reads a JSON list of {"role", "content"} from standard input and prints the number of tokens.
The chat format imports torch for pictures only, so empty modules stand in for what pictures would need.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

ROOT = Path(__file__).resolve().parents[2]


def reference_count(messages: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a whole request; messages: role and content of each."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.llm.llama_reference"],
        input=json.dumps(messages),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    return int(done.stdout)


def main() -> None:
    for name in ("torch", "torchvision", "torchvision.transforms"):
        sys.modules[name] = MagicMock()
    from llama_models.datatypes import RawMessage, ToolPromptFormat
    from llama_models.llama4.chat_format import ChatFormat
    from llama_models.llama4.tokenizer import Tokenizer

    messages = [
        RawMessage(role=message["role"], content=message["content"]) for message in json.load(sys.stdin)
    ]
    chat_format = ChatFormat(Tokenizer.get_instance())
    print(len(chat_format.encode_dialog_prompt(messages, ToolPromptFormat.json).tokens))


if __name__ == "__main__":
    main()
