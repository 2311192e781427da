"""Transactions are atomic, and writers wait for one another instead of failing."""

import asyncio
from urllib.parse import quote

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.store.database import Database, LastWork, before_commit
from bot.store.engines import BUSY_TIMEOUT_MS, async_url, sqlite_path
from bot.store.enqueue import enqueue
from bot.store.failures import is_away
from bot.store.tables import RecentRequestRow, StandingRow
from tests.conftest import NOON
from tests.polling import DEADLINE_SECONDS


async def count(database: Database, table=StandingRow) -> int:
    async with database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


def bot(user_id: str):
    return insert(StandingRow).values(team_id="T1", user_id=user_id, learnt_at=NOON)


async def test_writes_of_a_transaction_are_stored_together_or_not_at_all(database):
    async def write(*user_ids: str) -> None:
        async with database.write() as session:
            for user_id in user_ids:
                await session.execute(bot(user_id))

    with pytest.raises(IntegrityError) as refused:
        await write("U1", "U2", "U1")
    assert not is_away(refused.value)
    assert await count(database) == 0
    await write("U1", "U2")
    assert await count(database) == 2


async def test_a_session_for_reading_sees_what_was_committed_before_it(database):
    async with database.write() as session:
        await session.execute(bot("U1"))
        assert await count(database) == 0
    assert await count(database) == 1


async def test_the_values_of_a_row_can_be_read_after_its_transaction(database):
    async with database.write() as session:
        row = RecentRequestRow(fingerprint="f", delivery_id="d", requested_at=NOON)
        session.add(row)
    assert (row.fingerprint, row.requested_at) == ("f", NOON)


async def test_two_transactions_that_read_and_then_write_on_sqlite_both_succeed(sqlite_store):
    started = asyncio.Barrier(2)

    async def read_then_write(user_id: str) -> None:
        await started.wait()
        async with sqlite_store.write() as session:
            seen = await session.scalar(select(func.count()).select_from(StandingRow))
            await asyncio.sleep(0.05)  # the other one comes while this one has only read
            await session.execute(bot(f"{user_id}-after-{seen}"))

    await asyncio.gather(read_then_write("U1"), read_then_write("U2"))
    async with sqlite_store.read() as session:
        names = set(await session.scalars(select(StandingRow.user_id)))
    # Neither read what the other was about to change.
    assert names in ({"U1-after-0", "U2-after-1"}, {"U2-after-0", "U1-after-1"})


async def test_a_write_on_sqlite_holds_the_lock_from_its_first_statement_on(sqlite_url):
    database, other = Database(sqlite_url), Database(sqlite_url)
    async with database.write() as session, other.engine.connect() as connection:
        await session.execute(select(StandingRow))
        await connection.execute(text("PRAGMA busy_timeout=1"))
        with pytest.raises(OperationalError, match="locked"):
            await connection.execute(bot("U1"))
    await database.close()
    await other.close()


async def test_a_read_on_sqlite_waits_for_no_writer(sqlite_store):
    async with asyncio.timeout(DEADLINE_SECONDS), sqlite_store.write() as session:
        await session.execute(bot("U1"))
        assert await count(sqlite_store) == 0


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("busy_timeout", BUSY_TIMEOUT_MS),
        ("synchronous", 2),  # FULL: what was stored before the ack survives a power cut
    ],
)
async def test_every_connection_to_sqlite_is_set_up(sqlite_store, pragma, value):
    async with sqlite_store.read() as one, sqlite_store.read() as other:
        for session in (one, other):
            assert await session.scalar(text(f"PRAGMA {pragma}")) == value


async def test_a_stalled_transaction_on_postgresql_is_ended_and_releases_its_locks(
    migrated_postgresql, monkeypatch
):
    monkeypatch.setattr("bot.store.engines.IDLE_IN_TRANSACTION_SECONDS", 1)
    url = migrated_postgresql()
    still, other = Database(url), Database(url)
    async with other.write() as session:
        await session.execute(bot("U1"))

    async def stand_still() -> None:
        async with still.write() as session:
            await session.execute(delete(StandingRow))
            async with asyncio.timeout(DEADLINE_SECONDS), other.write() as meanwhile:
                await meanwhile.execute(update(StandingRow).values(user_id="U2"))
            await session.execute(bot("U3"))

    with pytest.raises(DBAPIError, match="idle-in-transaction") as cut_off:
        await stand_still()
    assert is_away(cut_off.value)
    async with still.read() as session:  # on another connection, by itself
        assert list(await session.scalars(select(StandingRow.user_id))) == ["U2"]
    await still.close()
    await other.close()


async def test_an_unreachable_database_raises_its_own_error(database):
    await database.rows(text("SELECT 1"))
    gone = Database("postgresql://callaudio@127.0.0.1:1/nobody-listens-there")
    with pytest.raises(OperationalError):
        await gone.rows(text("SELECT 1"))
    await gone.close()


@pytest.mark.parametrize("form", ["{}", "file:{}?uri=true", "file://{}?mode=rw&uri=true"])
@pytest.mark.parametrize("name", ["callaudio.db", "a link.db"])
def test_each_name_of_a_sqlite_file_is_one_path(tmp_path, form, name):
    (tmp_path / "a link.db").symlink_to(tmp_path / "callaudio.db")
    path = str(tmp_path / name)
    url = f"sqlite:///{form.format(path if form == '{}' else quote(path))}"
    assert sqlite_path(async_url(url)) == tmp_path / "callaudio.db"


def test_a_relative_path_is_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sqlite_path(async_url("sqlite:///data/callaudio.db")) == tmp_path / "data/callaudio.db"


def test_a_postgresql_url_has_no_file():
    assert sqlite_path(async_url("postgresql://host/name")) is None


async def test_the_password_of_the_database_is_not_shown():
    database = Database("postgresql://callaudio:Zq7vB2nL9xK4@host/name")
    assert "Zq7vB2nL9xK4" not in f"{database.url} {database.url!r} {database.engine!r}"
    assert not database.is_sqlite
    await database.close()


async def test_a_transaction_ended_by_a_deadlock_is_repeated_without_an_error(postgresql_store):
    async with postgresql_store.write() as session:
        await session.execute(bot("U1"))
        await session.execute(bot("U2"))
    both_hold_one, one_ended, runs = asyncio.Barrier(2), asyncio.Event(), []

    async def change_both(first: str, second: str) -> None:
        async def work(session: AsyncSession) -> None:
            is_first_run = first not in runs
            runs.append(first)
            if not is_first_run:  # it could lock its row again before the other one does
                await one_ended.wait()
            for user_id in (first, second):
                lock = select(StandingRow).where(StandingRow.user_id == user_id).with_for_update()
                await session.execute(lock)
                if is_first_run and user_id == first:
                    await both_hold_one.wait()

        await postgresql_store.transact(work)
        one_ended.set()

    await asyncio.gather(change_both("U1", "U2"), change_both("U2", "U1"))

    assert sorted(runs) in (["U1", "U1", "U2"], ["U1", "U2", "U2"])


async def test_an_error_that_a_retry_would_not_fix_is_raised_at_once(database):
    runs = []

    async def work(session: AsyncSession) -> None:
        runs.append(1)
        await session.execute(bot("U1"))
        await session.execute(bot("U1"))

    with pytest.raises(IntegrityError):
        await database.transact(work)
    assert runs == [1]


async def test_last_work_runs_at_the_end_and_only_without_a_failure(database):
    done = []

    async def finish(session: AsyncSession) -> None:
        del session
        done.append("last")

    async with database.write() as session:
        before_commit(session, LastWork.AUDIT, finish)
        before_commit(session, LastWork.AUDIT, finish)
        done.append("work")

    async def fail(session: AsyncSession) -> None:
        before_commit(session, LastWork.AUDIT, finish)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.transact(fail)
    assert done == ["work", "last"]


async def test_a_session_that_would_lose_events_or_due_work_refuses_them(sqlite_store):
    async def is_refused(session: AsyncSession) -> None:
        with pytest.raises(RuntimeError, match=r"not of a write\(\)"):
            await record(session, AuditEvent(AuditTag.AUDIT_SEALED, "T1", "U1", NOON))
        with pytest.raises(RuntimeError, match=r"not of a write\(\)"):
            enqueue(session, "deliver", "d1", now=NOON)

    async with sqlite_store.read() as session:
        await is_refused(session)
    async with sqlite_store.write() as session:
        before_commit(session, LastWork.AUDIT, is_refused)  # what comes after it would not run


async def test_a_read_only_database_counts_as_unavailable(postgresql_store):

    async def store() -> None:
        async with postgresql_store.write() as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await session.execute(delete(StandingRow))

    with pytest.raises(DBAPIError, match="read-only transaction") as refused:
        await store()
    assert is_away(refused.value)
