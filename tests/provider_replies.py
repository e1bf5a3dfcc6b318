"""What the provider server makes of a prompt: its token count, its pages, a reply in the answer format."""

import base64
import io
import re
from typing import Any

from PIL import Image

from apps.common.markers import CONVERSATION_HEADING, PAGE_HEADER, QUESTION_HEADING, REMINDER_HEADING
from apps.llm.providers.quote_finder import write_answer
from apps.llm.providers.quote_search import PackedPage, find_quotes
from apps.llm.tokens import count_tokens, image_tokens, prompt_tokens

_HEADER_LINE = re.compile(PAGE_HEADER.pattern, re.MULTILINE)
_DOCUMENT_LINE = re.compile(r"^# Document [0-9]+: ", re.MULTILINE)


def count_prompt(body: dict[str, Any]) -> int:
    """Tokens of a request body as Llama 4 counts them, pictures included."""
    return prompt_tokens([_count_content(message["content"]) for message in body["messages"]])


def write_reply(body: dict[str, Any]) -> str:
    """A reply that quotes the prompt's own pages, cited by their markers."""
    whole = "\n".join(_text_of(message["content"]) for message in body["messages"])
    question = find_question(whole)
    return write_answer(find_quotes(find_pages(whole), question), question)


def find_pages(prompt: str) -> list[PackedPage]:
    """The pages of a joined prompt; earlier turns cite markers, too, so reading ends where they begin."""
    for heading in (QUESTION_HEADING, CONVERSATION_HEADING):
        prompt = prompt.rpartition("\n" + heading)[0] or prompt
    headers = list(_HEADER_LINE.finditer(prompt))
    pages = []
    for index, header in enumerate(headers):
        ends = headers[index + 1].start() if index + 1 < len(headers) else len(prompt)
        after = _DOCUMENT_LINE.search(prompt, header.end(), ends)
        text = prompt[header.end() : after.start() if after else ends].strip()
        pages.append(PackedPage(int(header["ordinal"]), int(header["number"]), text))
    return pages


def find_question(prompt: str) -> str:
    """The text between the last question heading and the last reminder; without them, the last paragraph."""
    _, heading, rest = ("\n" + prompt).rpartition("\n" + QUESTION_HEADING)
    if not heading:
        return prompt.strip().rsplit("\n\n", 1)[-1]
    question, reminder, _ = rest.rpartition("\n" + REMINDER_HEADING)
    return (question if reminder else rest).strip()


def spoil(reply: str, behaviour: dict[str, Any]) -> str:
    """The reply with its quotes or markers spoiled as a behaviour asks."""
    if behaviour.get("alter_quotes"):
        reply = re.sub(r'(?<=\]\] ")(.*)(?="$)', _alter, reply, flags=re.MULTILINE)
    if behaviour.get("invent_quotes"):
        reply = re.sub(
            r'(?<=\]\] ")(.*)(?="$)',
            "purple elephants audit every clause at midnight",
            reply,
            flags=re.MULTILINE,
        )
    if behaviour.get("unknown_markers"):
        reply = re.sub(r"\[\[[0-9]+:[0-9]+\]\]", "[[99999:7]]", reply)
    return reply


def _alter(match: re.Match[str]) -> str:
    """The quote with its first number raised by one, or, without a number, with its meaning denied."""
    quote = match[0]
    altered = re.sub(r"[0-9]+", lambda number: str(int(number[0]) + 1), quote, count=1)
    if altered != quote:
        return altered
    words = quote.split(" ")
    return " ".join([*words[:2], "not", *words[2:]])


def _text_of(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def _count_content(content: str | list[dict[str, Any]]) -> int:
    if isinstance(content, str):
        return count_tokens(content)
    total = count_tokens(_text_of(content))
    for part in content:
        if part["type"] == "image_url":
            picture = base64.b64decode(part["image_url"]["url"].partition("base64,")[2])
            with Image.open(io.BytesIO(picture)) as image:
                total += image_tokens(*image.size)
    return total
