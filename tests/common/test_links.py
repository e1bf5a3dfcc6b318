import pytest

from apps.common.links import outward_host


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("https://example.com/a?b=c#d", "example.com"),
        ("HTTP://Example.COM:8080/", "example.com"),
        ("mailto:clerk@example.org", "clerk@example.org"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("https://а1.com/", "xn--1-7sb.com"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.com/", None),
        ("/profile/", None),
        ("", None),
        ("https:///path", None),
        ("https://trusted.example@evil.example/", None),
        ("https://evil.example\\@trusted.example/", None),
        ("https://exam\nple.com/", None),
        ("https://example.com/\u202egpj.exe", None),
        ("https://[broken/", None),
        ("mailto:", None),
        ("mailto:clerk", None),
        ("https://a..example/", None),
    ],
)
def test_host_is_read_as_browsers_would_or_refused(target: str, host: str | None) -> None:
    assert outward_host(target) == host
