"""Column types of our own, and what no table may hold."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from bot.store.tables import Base, RecentRequestRow, UtcDateTime

INDIA = timezone(timedelta(hours=5, minutes=30))


async def round_trip(database, moment):
    async with database.write() as session:
        session.add(RecentRequestRow(fingerprint="f", delivery_id="d", requested_at=moment))
    async with database.read() as session:
        row = await session.get(RecentRequestRow, "f")
    return row.requested_at


async def test_an_aware_time_is_read_as_the_same_instant_in_utc(database):
    moment = datetime(2026, 6, 3, 17, 30, 0, 123456, tzinfo=INDIA)
    stored = await round_trip(database, moment)
    assert stored == moment
    assert stored.tzinfo is UTC
    assert stored.isoformat() == "2026-06-03T12:00:00.123456+00:00"


async def test_a_naive_time_is_refused(database):
    with pytest.raises(StatementError, match="naive datetime"):
        await round_trip(database, datetime(2026, 6, 3, 12, 0))  # noqa: DTZ001 - without a zone on purpose


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
@given(moment=st.datetimes(timezones=st.just(INDIA)))
def test_every_time_is_stored_and_read_as_utc(dialect, moment):
    column = UtcDateTime()
    stored = column.process_bind_param(moment, dialect)
    assert stored.tzinfo is UTC
    assert column.process_result_value(stored, dialect) == moment
    # SQLite drops the zone on the way.
    assert column.process_result_value(stored.replace(tzinfo=None), dialect) == moment


def test_a_missing_time_stays_none():
    column = UtcDateTime()
    assert column.process_bind_param(None, sqlite.dialect()) is None
    assert column.process_result_value(None, sqlite.dialect()) is None


def test_every_time_column_has_the_utc_type():
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    times = [str(column) for column in columns if column.name.endswith(("_at", "_since"))]
    ours = [str(column) for column in columns if isinstance(column.type, UtcDateTime)]
    assert ours == times
    assert times


def test_no_column_is_named_like_data_that_must_not_be_stored():
    names = {str(c) for table in Base.metadata.tables.values() for c in table.columns}
    words = ("audio", "transcript", "phone", "caller", "token", "secret", "upload_url", "text")
    assert [name for name in names if any(word in name for word in words)] == []
