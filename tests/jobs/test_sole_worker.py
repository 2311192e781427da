"""The lock of the one worker of a SQLite file."""

import fcntl
import os
import time

import pytest

from bot.jobs.sole_worker import SecondWorkerRefused, SoleWorker


def test_the_lock_is_free_after_its_worker_has_ended(tmp_path):
    first = SoleWorker.claim(tmp_path / "callaudio.db")
    with pytest.raises(SecondWorkerRefused):
        SoleWorker.claim(tmp_path / "callaudio.db")
    first.release()
    SoleWorker.claim(tmp_path / "callaudio.db").release()


def test_whether_a_worker_runs_is_seen_without_a_trace(tmp_path):
    database = tmp_path / "callaudio.db"
    assert SoleWorker.is_claimed(database) is False
    assert list(tmp_path.iterdir()) == []
    worker = SoleWorker.claim(database)
    assert SoleWorker.is_claimed(database) is True
    worker.release()
    assert SoleWorker.is_claimed(database) is False


def test_a_lock_that_cannot_be_looked_at_is_unknown(tmp_path):
    (tmp_path / "callaudio.db.worker").mkdir()
    assert SoleWorker.is_claimed(tmp_path / "callaudio.db") is None


def test_looking_whether_a_worker_runs_keeps_none_from_starting(tmp_path, monkeypatch):
    database = tmp_path / "callaudio.db"
    SoleWorker.claim(database).release()
    looking = (tmp_path / "callaudio.db.worker").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda _: looking.close())
    SoleWorker.claim(database).release()


@pytest.mark.parametrize("user", [0, 10001])
def test_a_lock_file_created_by_root_belongs_to_the_owner_of_the_database(
    tmp_path, monkeypatch, user
):
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    database = tmp_path / "callaudio.db"
    database.touch()
    SoleWorker.claim(database).release()
    owner = database.stat()
    assert given == ([(owner.st_uid, owner.st_gid)] if user == 0 else [])
