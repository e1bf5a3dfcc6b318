import pytest
from django.test import Client

from apps.accounts.models import User


@pytest.mark.django_db
def test_page_names_the_host_and_opens_nothing_by_itself():
    client = Client()
    client.force_login(User.objects.create_user("alice@example.org"))
    response = client.get(
        "/leave/", {"to": 'https://example.com/"><script>alert(1)</script>'.replace(" ", "")}
    )
    html = response.content.decode()
    assert response.status_code == 200
    assert "example.com" in html
    assert "<script>alert" not in html
    assert "http-equiv" not in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "Refresh" not in response


@pytest.mark.django_db
def test_address_that_may_not_be_followed_is_refused():
    client = Client()
    client.force_login(User.objects.create_user("alice@example.org"))
    response = client.get("/leave/", {"to": "javascript:alert(1)"})
    assert response.status_code == 400
    assert "javascript:" not in response.content.decode()


@pytest.mark.django_db
def test_strangers_are_not_helped_to_disguise_links():
    assert Client().get("/leave/", {"to": "https://example.com/"}).status_code == 302
