"""Signing in and out: sessions, answers that tell nothing, and slowing down."""

import re

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import deactivate
from tests.accounts.conftest import PASSWORD

LOGIN = "/accounts/login/"


def sign_in(client: Client, email="alice@example.org", password=PASSWORD, address="192.0.2.7", **extra):
    return client.post(LOGIN, {"login": email, "password": password}, REMOTE_ADDR=address, **extra)


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("accounts:profile")).status_code == 200


def test_right_password_signs_in_whatever_the_case_of_the_address(alice):
    client = Client()
    response = sign_in(client, email="Alice@Example.org")
    assert response.status_code == 302
    assert response.url == "/"
    assert is_signed_in(client)


def test_wrong_password_and_unknown_address_are_answered_alike(alice):
    known, unknown = Client(), Client()
    answers = [
        sign_in(known, password="not this one"),
        sign_in(unknown, email="nobody@example.org", password="not this one"),
    ]
    bodies = [
        re.sub(r'value="[^"]*"|"X-CSRFToken": "[^"]*"', "", answer.content.decode()) for answer in answers
    ]
    assert answers[0].status_code == answers[1].status_code == 200
    assert bodies[0] == bodies[1]
    assert not is_signed_in(known)


def test_session_key_changes_on_signing_in(alice):
    client = Client()
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    sign_in(client)
    assert client.session.session_key != session.session_key
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert not is_signed_in(stranger)


def test_signing_out_ends_the_session_for_who_kept_its_key(signed_in):
    key = signed_in.session.session_key
    assert signed_in.get("/accounts/logout/").status_code == 200
    assert is_signed_in(signed_in)
    signed_in.post("/accounts/logout/")
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_signed_in(thief)


def test_deactivated_account_is_out_with_its_next_request(alice, bob, signed_in):
    assert is_signed_in(signed_in)
    deactivate(bob, alice)
    assert not is_signed_in(signed_in)
    fresh = Client()
    sign_in(fresh)
    assert not is_signed_in(fresh)


def test_closed_account_says_so_only_to_who_knows_the_password(alice):
    alice.is_active = False
    alice.save()
    assert sign_in(Client(), password="not this one").status_code == 200
    assert sign_in(Client()).url == reverse("account_inactive")


def test_changing_the_password_ends_other_sessions_and_keeps_this_one(alice, signed_in):
    elsewhere = Client()
    elsewhere.force_login(alice)
    new = "seven loud green frogs"
    response = signed_in.post(
        reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new}
    )
    assert response.url == reverse("accounts:profile")
    assert is_signed_in(signed_in)
    assert not is_signed_in(elsewhere)


def test_common_and_short_passwords_are_refused_on_change(signed_in, alice):
    for bad in ("password123", "short7!", "alice@example.org"):
        response = signed_in.post(
            reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": bad, "password2": bad}
        )
        assert response.status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_address_to_return_to_is_followed_only_on_this_host(alice):
    assert sign_in(Client(), QUERY_STRING="next=/profile/").url == "/profile/"
    client = Client()
    response = client.post(
        LOGIN, {"login": "alice@example.org", "password": PASSWORD, "next": "https://elsewhere.example/"}
    )
    assert response.url == "/"


def test_signing_up_is_closed(db):
    page = Client().get("/accounts/signup/")
    assert "by invitation" in page.content.decode()
    Client().post("/accounts/signup/", {"email": "eve@example.org", "password1": PASSWORD})
    assert not has_account("eve@example.org")


def has_account(email: str) -> bool:
    return User.objects.filter(email=email).exists()


def test_twenty_wrong_passwords_slow_down_with_429(alice):
    client = Client()
    answers = [sign_in(client, password=f"wrong {number}") for number in range(20)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 300
    assert "Wait" in answers[-1].content.decode()
    assert sign_in(client).status_code == 429


def test_forged_forwarding_headers_do_not_make_new_addresses(alice):
    statuses = [
        sign_in(
            Client(),
            password="wrong",
            HTTP_X_FORWARDED_FOR=f"198.51.100.{number}",
            HTTP_FORWARDED=f"for=198.51.100.{number}",
            HTTP_X_REAL_IP=f"198.51.100.{number}",
        ).status_code
        for number in range(8)
    ]
    assert statuses[-1] == 429


def test_attack_from_many_places_does_not_lock_the_owner_out(alice):
    at_home = "203.0.113.5"
    sign_in(Client(), address=at_home)
    for number in range(40):
        last = sign_in(Client(), password="wrong", address=f"198.51.100.{number}")
    assert last.status_code == 429
    assert sign_in(Client(), address="192.0.2.99").status_code == 429
    assert sign_in(Client(), address=at_home).status_code == 302


def test_right_passwords_are_not_counted(alice):
    assert {sign_in(Client()).status_code for _ in range(12)} == {302}


def test_reset_answers_alike_and_mails_a_link_to_our_own_address(alice):
    known = Client().post("/accounts/password/reset/", {"email": "alice@example.org"})
    unknown = Client().post("/accounts/password/reset/", {"email": "nobody@example.org"})
    assert known.status_code == unknown.status_code == 302
    assert known.url == unknown.url == reverse("account_reset_password_done")
    links = {message.to[0]: message.body for message in mail.outbox}
    assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in links["alice@example.org"]
    assert "/key/" not in links["nobody@example.org"]


def test_reset_link_sets_a_password_once_and_ends_sessions(alice, signed_in):
    Client().post("/accounts/password/reset/", {"email": "alice@example.org"})
    link = re.search(r"https?://\S+", mail.outbox[0].body)[0].removeprefix(settings.PUBLIC_URL)
    client = Client()
    page = client.get(link, follow=True)
    form_address = page.redirect_chain[-1][0]
    new = "seven loud green frogs"
    done = client.post(form_address, {"password1": new, "password2": new})
    assert done.url == reverse("account_reset_password_from_key_done")
    assert not is_signed_in(signed_in)
    assert sign_in(Client(), password=new).status_code == 302
    assert "no longer works" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/login/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/inactive/",
    ],
)
def test_pages_before_signing_in_open_for_strangers(db, address):
    assert Client().get(address).status_code == 200
