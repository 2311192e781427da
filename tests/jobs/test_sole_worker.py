"""The lock of the one worker of a SQLite file."""

import os

import pytest

from bot.jobs.sole_worker import SecondWorkerRefused, SoleWorker


def test_the_lock_is_free_after_its_worker_has_ended(tmp_path):
    first = SoleWorker.claim(tmp_path / "callaudio.db")
    with pytest.raises(SecondWorkerRefused):
        SoleWorker.claim(tmp_path / "callaudio.db")
    first.release()
    SoleWorker.claim(tmp_path / "callaudio.db").release()


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
