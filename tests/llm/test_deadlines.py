from collections.abc import Callable

import pytest

from apps.llm.deadlines import deadlines


def test_long_prompts_get_longer_for_the_first_token(set_deadlines: Callable[..., None]) -> None:
    set_deadlines()
    assert deadlines().first_token_for(0) == 60
    assert deadlines().first_token_for(1_000_000) == 360


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "1e9"])
def test_nonsense_is_refused_by_name(value: str, set_deadlines: Callable[..., None]) -> None:
    set_deadlines(gap=value)
    with pytest.raises(ValueError, match="DOCANALYST_LLM_GAP_SECONDS"):
        deadlines()
