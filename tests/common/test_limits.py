import time

from django.core.cache import cache

from apps.common.limits import give_back, seconds_until_free


def one_try(subject: str = "alice", limit: int = 3, window_seconds: int = 60) -> int:
    return seconds_until_free("test", subject, limit=limit, window_seconds=window_seconds)


def test_tries_within_the_limit_are_free_and_the_next_names_the_wait():
    assert [one_try() for _ in range(3)] == [0, 0, 0]
    assert 55 <= one_try() <= 60


def test_subjects_and_names_are_counted_apart():
    for _ in range(4):
        one_try()
    assert one_try("bob") == 0
    assert seconds_until_free("other", "alice", limit=3, window_seconds=60) == 0


def test_what_is_given_back_does_not_count():
    for _ in range(20):
        assert one_try() == 0
        give_back("test", "alice")


def test_giving_back_without_a_try_is_harmless():
    give_back("test", "nobody")
    assert one_try("nobody") == 0


def test_window_ends_and_begins_anew():
    for _ in range(4):
        waited = one_try(window_seconds=1)
    assert waited == 1
    time.sleep(1.1)
    assert one_try(window_seconds=1) == 0


def test_keys_do_not_show_who_is_counted():
    one_try("alice@example.org")
    assert not any("alice" in key for key in cache._cache)
