from apps.llm.errors import LLMError
from apps.llm.gateway import stream_chat
from apps.llm.providers import PROVIDERS
from apps.llm.providers.scripted import scripted_provider
from apps.llm.types import ChatMessage, ChatRequest, Finished, RequestSent, TextDelta, Usage, Waiting


async def test_a_script_replies_in_order_and_keeps_what_was_asked(short_waits: None) -> None:
    with scripted_provider() as script:
        script.reply(error=LLMError("busy", reached_host=True))
        script.reply("Hello ", "there", finish_reason="length")
        messages = (ChatMessage("system", ("Rules.\n",)), ChatMessage("user", lambda: iter(["Hi ", "you\n"])))
        request = ChatRequest(script.endpoint, messages, input_tokens=9, max_output_tokens=100)
        events = [event async for event in stream_chat(request)]
    kinds = [RequestSent, Waiting, RequestSent, TextDelta, TextDelta, Usage, Finished]
    assert [type(event) for event in events] == kinds
    assert events[-1] == Finished("length")
    assert script.prompts == ["Rules.\nHi you\n"]
    assert "scripted" not in PROVIDERS
