"""The built-in answerer for an installation without a model: verbatim quotes, cited like a model's answer.

It takes the same request as every endpoint and reads pages and question out of the prompt, so that everything
around it (planning, streaming, verifying, billing) runs the very path that a model's answer runs.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from apps.common.markers import PAGE_HEADER, QUESTION_HEADING, REMINDER_HEADING
from apps.llm.errors import LLMError
from apps.llm.providers.base import CallEvent
from apps.llm.providers.quote_search import FoundQuote, PackedPage, find_quotes, question_terms, sentences_for
from apps.llm.tokens import count_tokens
from apps.llm.types import ChatRequest, Finished, TextDelta, Usage

# Quick enough not to keep anyone waiting, slow enough to be read as it comes.
DELTAS_PER_SECOND = 60
LONGEST_ANSWER_SECONDS = 1.5

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&$])")
_DELTA = re.compile(r"\S+\s*|\s+")


class QuoteFinder:
    @asynccontextmanager
    async def prepare(self, request: ChatRequest, api_key: str) -> AsyncIterator["_QuoteFinderCall"]:
        yield _QuoteFinderCall(request)


class _QuoteFinderCall:
    def __init__(self, request: ChatRequest) -> None:
        self._request = request

    async def send(self) -> AsyncGenerator[CallEvent, None]:
        answer = await asyncio.to_thread(find_answer, self._request)
        pieces = _DELTA.findall(answer)
        if not pieces:
            raise LLMError("empty_answer", reached_host=False)
        pause = min(1 / DELTAS_PER_SECOND, LONGEST_ANSWER_SECONDS / len(pieces))
        for piece in pieces:
            yield TextDelta(piece)
            await asyncio.sleep(pause)
        output_tokens = await asyncio.to_thread(count_tokens, answer)
        yield Usage(self._request.input_tokens, 0, output_tokens, estimated=False, cost_usd=Decimal(0))
        yield Finished("stop")


def find_answer(request: ChatRequest) -> str:
    """The whole answer to a request, in the answer format. Reads the prompt's parts once; takes about half a second
    of CPU for each million tokens, so call it in a thread."""
    pages, question = read_prompt(request)
    return write_answer(find_quotes(pages, question), question)


def write_answer(quotes: list[FoundQuote], question: str) -> str:
    """Quotes in the answer format: the evidence block, then Markdown with a marker after each quote."""
    sentences = sentences_for(question)
    evidence = "".join(f'{quote.page.marker} "{quote.quote}"\n' for quote in quotes)
    if not quotes:
        return f"<evidence>\n</evidence>\n{sentences.nothing}\n"
    heading = sentences.found if question_terms(question) else sentences.openings
    bullets = "".join(f"- “{_escape_markdown(quote.quote)}” {quote.page.marker}\n" for quote in quotes)
    return f"<evidence>\n{evidence}</evidence>\n{heading}\n\n{bullets}"


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def read_prompt(request: ChatRequest) -> tuple[list[PackedPage], str]:
    """The pages of a prompt in their order, and its question.

    Pages are the parts that begin with a marker line. The question stands between its heading and the reminder;
    without a heading it is the last part that is no page.
    """
    pages: list[PackedPage] = []
    question = last = ""
    for message in request.messages:
        # What a model wrote is neither a page nor a question, whatever it looks like.
        for part in message.iter_parts() if message.role != "assistant" else ():
            header = PAGE_HEADER.match(part)
            if header is not None:
                text = part[header.end() :].strip()
                pages.append(PackedPage(int(header["ordinal"]), int(header["number"]), text))
            elif part.startswith(QUESTION_HEADING):
                question = part.removeprefix(QUESTION_HEADING)
            else:
                last = part
    question, reminder, rest = (question or last).rpartition(REMINDER_HEADING)
    return pages, (question if reminder else rest).strip()
