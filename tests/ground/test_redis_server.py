"""Finding and starting a Redis of one's own."""

import os
import stat
from pathlib import Path

import pytest
import redis
from kombu import Connection

from docanalyst import redis_server
from tests.services import run_redis


def fake_server(folder: Path, name: str, version_line: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{version_line}'\n")
    (folder / name).chmod(0o755)


def test_a_new_server_on_the_path_comes_before_the_one_in_a_wheel(tmp_path: Path, monkeypatch) -> None:
    fake_server(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert redis_server.find_server() == tmp_path / "redis-server"


def test_an_old_server_on_the_path_is_passed_over(tmp_path: Path, monkeypatch) -> None:
    fake_server(tmp_path, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1")
    fake_server(tmp_path, "valkey-server", "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert redis_server.find_server() == tmp_path / "valkey-server"


def test_without_any_server_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    fake_server(tmp_path, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(redis_server.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(redis_server.RedisUnavailable, match=r"6\.0\.16.*apt install redis-server.*REDIS_URL"):
        redis_server.find_server()


def test_the_server_listens_on_a_private_socket_alone_and_keeps_what_was_written(tmp_path: Path) -> None:
    with run_redis(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.xadd("events", {"text": "kept"}, id="5-1")
        assert client.config_get("port") == {"port": "0"}
        socket_path = redis_server.default_socket(tmp_path)
        assert stat.S_IMODE(socket_path.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    with run_redis(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.xrange("events") == [(b"5-1", {b"text": b"kept"})]


def test_a_deep_data_folder_gets_a_short_socket_that_is_removed_again(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    socket_path = redis_server.default_socket(deep)
    assert len(str(socket_path)) < redis_server.LONGEST_SOCKET_PATH_BYTES
    assert socket_path == redis_server.default_socket(deep) != redis_server.default_socket(tmp_path)
    with run_redis(deep) as url, redis.Redis.from_url(url) as client:
        assert client.ping()
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    assert not socket_path.parent.exists()


@pytest.mark.parametrize("name", ["plain", "with space", "per%cent"])
def test_both_clients_find_the_server_by_its_address(tmp_path: Path, name: str) -> None:
    with run_redis(tmp_path / name) as url:
        with redis.Redis.from_url(url) as client:
            assert client.ping()
        with Connection(redis_server.broker_url(url)) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)


@pytest.mark.parametrize("url", ["redis://host:6379/0", "rediss://user:secret@host/1"])
def test_other_addresses_are_left_as_they_are(url: str) -> None:
    assert redis_server.broker_url(url) == url
