import pytest

from apps.common.addresses import is_loopback


@pytest.mark.parametrize("host", ["localhost", "docs.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.5", "notlocalhost", "localhost.example.org", "127.0.0.1.example.org"],
)
def test_what_others_can_reach_is_not_this_machine(host: str) -> None:
    assert not is_loopback(host)
