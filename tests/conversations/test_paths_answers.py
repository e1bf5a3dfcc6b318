"""An answer about code from asking to export: ticked folders alone are sent, markers and quotes end in lines."""

from __future__ import annotations

import pytest
from redis import Redis

from apps.common.redis import sync_redis
from apps.conversations import answering, services
from apps.conversations.answer_display import answer_blocks
from apps.conversations.export import export_answer
from apps.conversations.models import Answer
from apps.conversations.selection import default_selection
from apps.library.models import CorpusEntry, Document
from apps.library.selecting import set_path_ticked
from apps.llm.providers.scripted import Script
from tests.conversations.conftest import Desk
from tests.llm.llama_reference import reference_count
from tests.repositories import make_repository

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

FILES = {
    # Texts that are hard to count: a slash first, blank lines first and last, indentation, nothing but brackets.
    "src/a.c": "/* slash first */\n\n\n\treturn [[1, 2], [3, 4]];\n\n\n",
    "src/b.py": "\n\n    indented = compute(first, second)\n",
    "src/c.txt": "no line end at the end of it",
    "src/long.py": "".join(f"    step_{number} = advance({number})\n" for number in range(1, 300)),
    "docs/secret_plans.md": "# The plans\n\nNobody asked about these.\n",
    "docs/api/index.md": "# Interface\n",
}
ANSWER = (
    "<evidence>\n"
    '[[src/long.py:150]] "step_150 = advance(150)"\n'
    '[[b.py:3]] "indented = compute(first, second)"\n'
    '[[src/long.py:7]] "step_7 = advance(8) step_8 = advance(8)"\n'
    "</evidence>\n"
    "It advances [[src/long.py:150]], once computed [[b.py:3]]; the plans say nothing [[docs/secret_plans.md:1]].\n"
)


@pytest.fixture(autouse=True)
def _redis(redis_client: Redis) -> None:
    sync_redis.cache_clear()


@pytest.fixture
def code(desk: Desk) -> Document:
    return make_repository(desk.corpus, FILES, "tool", commit="1f2e3d4c5b6a" * 3 + "0000")


@pytest.fixture
def answer(desk: Desk, code: Document, script: Script) -> Answer:
    set_path_ticked(desk.alice, CorpusEntry.objects.get(document=code), "docs/", False)
    script.reply(ANSWER)
    selection = default_selection(desk.alice, desk.corpus)
    asked = services.ask_question(desk.alice, desk.conversation, "What advances?", selection=selection)
    answering.run_answer(str(asked.pk))
    asked.refresh_from_db()
    return asked


def test_a_question_on_ticked_folders_sends_those_alone_and_answers_with_lines(
    answer: Answer, script: Script
) -> None:
    [prompt], [request] = script.prompts, script.requests
    assert "Nobody asked about these" not in prompt
    assert "secret_plans" not in prompt
    assert "docs/" not in prompt
    for path, text in FILES.items():
        if path.startswith("src/") and path != "src/long.py":
            assert f"{path}:" in prompt
            assert text in prompt

    # Counted as the reference counts it, every slice with its indentation and line ends.
    messages = [{"role": one.role, "content": "".join(one.iter_parts())} for one in request.messages]
    counted = reference_count(messages)
    assert answer.plan["input_tokens"] == request.input_tokens == counted
    entry = answer.manifest[1]
    assert (entry["files"], entry["files_left_out"], entry["commit"][:7]) == (4, 2, "1f2e3d4")
    assert entry["paths"] == {"include": [], "exclude": ["/docs/"]}
    assert not any(item["ordinal"] == 2 for item in answer.not_sent)

    exact, shortened, altered = answer.evidence.all()
    assert (exact.verdict, exact.lines) == ("exact", [150, 150])
    assert (shortened.verdict, shortened.label, shortened.lines) == ("exact", "src/b.py:1–3", [3, 3])
    assert (altered.verdict, altered.lines) == ("altered", [7, 8])
    assert answer.mentions.count() == 2
    assert "[[docs/secret_plans.md:1]]" in answer.text

    html = "".join(answer_blocks(answer))
    assert "tool long.py:150" in html
    assert "tool, src/long.py:150: word for word" in html
    assert "tool, src/b.py:3: word for word" in html

    words = export_answer(answer, "md").content.decode()
    for piece in ("tool at 1f2e3d4c5b6a", "src/long.py:", "line 150", "lines 7–8", "line 3"):
        assert piece in words, piece
