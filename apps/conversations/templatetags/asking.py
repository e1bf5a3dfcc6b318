"""What templates ask of conversations."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from apps.common.http import HtmxRequest
from apps.connections.services import usable_endpoints_for
from apps.conversations.composer import SUGGESTIONS, composer_for, conversations_of
from apps.conversations.continuing import continuation_of, is_cut, plan_to_continue
from apps.conversations.coverage import coverage_counts
from apps.conversations.export_sources import citation_words
from apps.conversations.models import Answer, Conversation, Evidence
from apps.conversations.plan_line import PlanLine, plan_line
from apps.conversations.services import LONGEST_QUESTION
from apps.library.models import Corpus
from apps.llm.names import family_name

register = template.Library()


@register.inclusion_tag("conversations/_pane.html", takes_context=True)
def new_conversation(context: Context, corpus: Corpus) -> dict[str, Any]:
    """The conversation pane of a corpus that has no conversation open yet.

    A tag, because the page belongs to the library, which knows nothing of conversations.
    """
    request = context["request"]
    return {
        "request": request,
        "user": request.user,
        "csrf_token": context.get("csrf_token"),
        "workspace": corpus.workspace,
        "corpus": corpus,
        "conversation": None,
        "conversations": conversations_of(request.user, corpus),
        "turns": [],
        "composer": composer_for(request.user, corpus, text=_first_question(request, corpus)),
        "suggestions": SUGGESTIONS,
    }


def _first_question(request: HtmxRequest, corpus: Corpus) -> str:
    """The question a link brought, or the one a sample corpus has ready while this person asked nothing there."""
    if "q" in request.GET:
        return str(request.GET["q"])[:LONGEST_QUESTION]
    has_asked = Conversation.objects.filter(corpus=corpus, owner=request.user).exists()
    return "" if has_asked else corpus.suggested_question


@register.filter
def can_go_on(answer: Answer) -> bool:
    """Whether its longest length ended it."""
    return is_cut(answer)


@register.filter
def continuation(answer: Answer) -> Answer | None:
    """The answer that goes on with a cut one."""
    return continuation_of(answer)


@register.simple_tag
def continue_line(answer: Answer) -> PlanLine:
    """What going on with a cut answer would take."""
    states = usable_endpoints_for(answer.question.conversation.workspace)
    return plan_line(plan_to_continue(answer), states)


@register.filter
def document_name(evidence: Evidence) -> str:
    """The name under which a quoted document was sent."""
    names = {entry["ordinal"]: str(entry["name"]) for entry in evidence.answer.manifest}
    return names.get(evidence.ordinal or 0, "")


@register.filter
def citation(evidence: Evidence) -> str:
    """A quote as it is pasted: “quote” (lease.pdf, p. 12)."""
    return citation_words(evidence, document_name(evidence))


@register.filter
def pages_covered(answer: Answer) -> str:
    """“118/120 pages”: sent of those selected."""
    selected, sent = coverage_counts(answer)
    return f"{sent}/{selected} pages"


@register.filter
def model_family(family: str) -> str:
    return family_name(family)
