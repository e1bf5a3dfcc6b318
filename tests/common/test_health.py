"""Alive, ready with every part by name, and counts for monitoring."""

import pytest
from django.db import OperationalError
from django.test import Client
from redis import Redis

from apps.common import health
from apps.common.redis import sync_redis


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch):
    monkeypatch.setattr(health, "KEEP_SECONDS", -1.0)
    monkeypatch.setattr(health, "KEEP_MISSING_SECONDS", -1.0)


@pytest.fixture(autouse=True)
def _client_of_each_test():
    sync_redis.cache_clear()
    yield
    sync_redis.cache_clear()


@pytest.fixture
def own_redis(redis_server_url, settings):
    settings.REDIS_URL = redis_server_url
    client = Redis.from_url(redis_server_url)
    client.flushdb()
    return client


def test_alive_without_asking_anything(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        response = Client().get("/healthz")
    assert response.status_code == 200
    assert response.content == b"ok\n"


def test_ready_when_every_part_is_there(db, own_redis):
    for queue in health.queues():
        own_redis.set(health.heartbeat_key(queue), "1", ex=30)
    response = Client().get("/readyz")
    assert response.json()["parts"] == {
        "database": "ok",
        "migrations": "ok",
        "redis": "ok",
        "storage": "ok",
        "parsers": "ok",
        "git": "ok",
        "worker ingest": "ok",
        "worker answers": "ok",
    }
    assert response.json()["status"] == "ready"
    assert response.status_code == 200


def test_missing_worker_is_named(db, own_redis):
    own_redis.set(health.heartbeat_key("answers"), "1", ex=30)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["worker ingest"] == "no sign of life"
    assert response.json()["parts"]["worker answers"] == "ok"


def test_recognition_is_a_part_only_where_it_is_on(db, own_redis, settings):
    settings.RECOGNISE_SCANS = True
    assert Client().get("/readyz").json()["parts"]["worker ocr"] == "no sign of life"
    settings.RECOGNISE_SCANS = False
    assert "worker ocr" not in Client().get("/readyz").json()["parts"]


def test_missing_redis_is_named_and_the_rest_still_told(db, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/none.sock"
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["redis"] == "unreachable"
    assert response.json()["parts"]["database"] == "ok"
    assert str(tmp_path) not in response.content.decode()


def test_missing_database_is_named(db, own_redis, monkeypatch):
    def fail() -> str:
        raise OperationalError("could not connect to db.internal")

    monkeypatch.setattr(health, "_database", fail)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["database"] == "unreachable"
    assert "db.internal" not in response.content.decode()


def test_migrations_that_wait_are_named(db, own_redis, monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["one"])
    assert Client().get("/readyz").json()["parts"]["migrations"] == "missing"


def test_storage_that_cannot_be_written_is_named_and_a_probe_leaves_nothing(db, own_redis, monkeypatch):
    def fail(*_, **__):
        raise PermissionError("/data/files")

    Client().get("/readyz")
    assert not health.default_storage.exists("health") or health.default_storage.listdir("health")[1] == []
    monkeypatch.setattr(health.default_storage, "save", fail)
    assert Client().get("/readyz").json()["parts"]["storage"] == "unreachable"


def test_many_questions_in_a_row_cost_one_look(db, own_redis, monkeypatch):
    monkeypatch.setattr(health, "KEEP_SECONDS", 60.0)
    monkeypatch.setattr(health, "_last_look", (float("-inf"), {}))
    looks = []
    monkeypatch.setattr(health, "look", lambda: looks.append(1) or {"database": "ok"})
    for _ in range(5):
        Client().get("/readyz")
    assert len(looks) == 1


# Counts -------------------------------------------------------------------------------------------


def test_counts_are_in_the_text_format_of_prometheus(db, own_redis):
    own_redis.rpush("ingest", "task", "task")
    own_redis.set(health.heartbeat_key("answers"), "1")
    response = Client().get("/metrics")
    lines = response.content.decode().splitlines()
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'docanalyst_queue_length{queue="ingest"} 2' in lines
    assert 'docanalyst_queue_length{queue="answers"} 0' in lines
    assert 'docanalyst_worker_up{queue="answers"} 1' in lines
    assert 'docanalyst_worker_up{queue="ingest"} 0' in lines
    assert 'docanalyst_documents{state="ready"} 0' in lines
    assert 'docanalyst_answers{state="done"} 0' in lines
    assert "docanalyst_redis_up 1" in lines


def test_counts_survive_a_missing_redis(db, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/none.sock"
    text = Client().get("/metrics").content.decode()
    assert "docanalyst_redis_up 0" in text
    assert "docanalyst_documents" in text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 404),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, 404),
    ],
)
def test_counts_are_for_this_machine_alone(db, own_redis, address, headers, status):
    assert Client().get("/metrics", REMOTE_ADDR=address, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("given", "status"), [("Bearer right", 200), ("Bearer wrong", 404), ("right", 404), ("", 404)]
)
def test_counts_are_for_who_holds_the_token_when_there_is_one(db, own_redis, settings, given, status):
    settings.METRICS_TOKEN = "right"
    assert Client().get("/metrics", headers={"Authorization": given}).status_code == status
