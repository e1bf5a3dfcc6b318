"""Counts a request with llama_models' own chat format; run as a process of its own.

Reads a JSON list of {"role", "content"} from standard input and prints the number of tokens. The chat format
imports torch for pictures only, so empty modules stand in for what pictures would need.
"""

import json
import sys
from unittest.mock import MagicMock


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
