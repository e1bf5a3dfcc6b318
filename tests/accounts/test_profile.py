from apps.accounts.models import ApiToken, digest_token
from apps.accounts.services import issue_token


def test_stranger_is_sent_to_sign_in(client, db):
    response = client.get("/profile/")
    assert response.status_code == 302
    assert response.url == "/accounts/login/?next=/profile/"


def test_name_and_theme_are_saved_and_nothing_else(signed_in, alice):
    signed_in.post(
        "/profile/",
        {"name": "Alice F.", "theme": "dark", "email": "eve@example.org", "is_staff": "on"},
    )
    alice.refresh_from_db()
    assert (alice.name, alice.theme) == ("Alice F.", "dark")
    assert alice.email == "alice@example.org"
    assert not alice.is_staff
    assert 'data-theme="dark"' in signed_in.get("/profile/").content.decode()


def test_nonsense_is_answered_with_422(signed_in, alice):
    assert signed_in.post("/profile/", {"name": "A", "theme": "purple"}).status_code == 422
    assert signed_in.post("/profile/tokens/", {"name": ""}).status_code == 422


def test_theme_switch_returns_to_the_page_but_never_to_another_site(signed_in, alice):
    assert signed_in.post("/profile/theme/", {"theme": "dark", "next": "/profile/"}).url == "/profile/"
    assert signed_in.post("/profile/theme/", {"theme": "light", "next": "//elsewhere.example"}).url == "/"
    assert (
        signed_in.post("/profile/theme/", {"theme": "auto"}, headers={"HX-Request": "true"}).status_code
        == 204
    )
    alice.refresh_from_db()
    assert alice.theme == "auto"
    assert signed_in.get("/profile/theme/").status_code == 405


def test_token_is_shown_once_and_stored_as_a_digest(signed_in, alice):
    page = signed_in.post("/profile/tokens/", {"name": "Nightly import"})
    assert page.status_code == 200
    shown = page.context["new_token"]
    assert shown.startswith("da_")
    assert shown in page.content.decode()
    assert page["Cache-Control"].count("no-store") == 1
    token = ApiToken.objects.get()
    assert token.digest == digest_token(shown)
    assert shown not in signed_in.get("/profile/").content.decode()


def test_token_of_somebody_else_cannot_be_revoked(signed_in, bob):
    token, _ = issue_token(bob, "Bob's")
    assert signed_in.post(f"/profile/tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_own_token_is_revoked_by_post_alone(signed_in, alice):
    token, _ = issue_token(alice, "Mine")
    assert signed_in.get(f"/profile/tokens/{token.pk}/revoke/").status_code == 405
    signed_in.post(f"/profile/tokens/{token.pk}/revoke/")
    assert not ApiToken.objects.exists()


def test_names_of_tokens_are_escaped(signed_in, alice):
    issue_token(alice, "<script>alert(1)</script>")
    assert "<script>alert" not in signed_in.get("/profile/").content.decode()
