"""The lock of the one worker of a SQLite file."""

import fcntl
import os
import time

import pytest

from bot.jobs.sqlite_worker_lock import SecondWorkerRefused, SqliteWorkerLock


def test_the_lock_is_free_after_its_worker_has_ended(tmp_path):
    first = SqliteWorkerLock.acquire(tmp_path / "callaudio.db")
    with pytest.raises(SecondWorkerRefused):
        SqliteWorkerLock.acquire(tmp_path / "callaudio.db")
    first.release()
    SqliteWorkerLock.acquire(tmp_path / "callaudio.db").release()


def test_whether_a_worker_runs_is_seen_without_a_trace(tmp_path):
    database = tmp_path / "callaudio.db"
    assert SqliteWorkerLock.is_held(database) is False
    assert list(tmp_path.iterdir()) == []
    lock = SqliteWorkerLock.acquire(database)
    assert SqliteWorkerLock.is_held(database) is True
    lock.release()
    assert SqliteWorkerLock.is_held(database) is False


def test_a_lock_that_cannot_be_looked_at_is_unknown(tmp_path):
    (tmp_path / "callaudio.db.worker").mkdir()
    assert SqliteWorkerLock.is_held(tmp_path / "callaudio.db") is None


def test_looking_whether_a_worker_runs_keeps_none_from_starting(tmp_path, monkeypatch):
    database = tmp_path / "callaudio.db"
    SqliteWorkerLock.acquire(database).release()
    looking = (tmp_path / "callaudio.db.worker").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda _: looking.close())
    SqliteWorkerLock.acquire(database).release()


@pytest.mark.parametrize("user", [0, 10001])
def test_a_lock_file_created_by_root_belongs_to_the_owner_of_the_database(
    tmp_path, monkeypatch, user
):
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    database = tmp_path / "callaudio.db"
    database.touch()
    SqliteWorkerLock.acquire(database).release()
    owner = database.stat()
    assert given == ([(owner.st_uid, owner.st_gid)] if user == 0 else [])
