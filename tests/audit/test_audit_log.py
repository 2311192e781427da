"""Audit events: written and counted in the transaction of the change, read newest last."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.audit.events import PAYLOAD_VERSION, AuditEvent, AuditTag
from bot.audit.log import AuditFilter, all_events, counting, newest_events, record
from bot.observability.metrics import Metrics
from bot.recordings.deliveries.past_deliveries import deliveries_of_call
from bot.store.database import Database
from tests.audit.chains import overrule
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row
from tests.tables import each_row

MINUTE = timedelta(minutes=1)
EVENT = AuditEvent(
    tag=AuditTag.DELIVERY_DECIDED,
    team_id="T0CALLAUDIO",
    actor_id="U0ALICE00",
    occurred_at=NOON,
    delivery_id="d1",
    payload={"outcome": "raw", "size_bytes": 7, "length_seconds": 1.5, "forced": False, "to": None},
)


async def write(database: Database, *events: AuditEvent) -> None:
    async with database.write() as session:
        for event in events:
            await record(session, event)


async def read(database: Database, **wanted):
    async with database.read() as session:
        return [event async for event in all_events(session, AuditFilter(**wanted))]


async def read_newest(database: Database, limit: int, **wanted):
    async with database.read() as session:
        return list(await newest_events(session, AuditFilter(**wanted), limit))


async def test_events_are_read_as_they_were_written(database):
    await write(database, EVENT, replace(EVENT, delivery_id=None, payload={}))
    first, second = await read(database)
    assert (first.tag, first.team_id, first.actor_id, first.occurred_at, first.delivery_id) == (
        "policy:delivery:decided",
        "T0CALLAUDIO",
        "U0ALICE00",
        NOON,
        "d1",
    )
    assert (first.payload, first.version) == (EVENT.payload, PAYLOAD_VERSION)
    assert (second.delivery_id, second.payload) == (None, {})


FOUR = [
    replace(
        EVENT,
        occurred_at=NOON + n * MINUTE,
        delivery_id=f"d{n}",
        actor_id=f"U0PERSON{n % 2}",
        payload={"subject_id": "U0PERSON0"} if n == 3 else {},
    )
    for n in range(4)
]


@pytest.fixture
async def four(sqlite_store: Database, monkeypatch) -> Database:
    """The four events, of which the database returns two at a time."""
    monkeypatch.setattr("bot.audit.stored.BATCH", 2)
    await write(sqlite_store, *FOUR)
    return sqlite_store


def numbers(rows) -> list[int]:
    return [int(row.delivery_id[1:]) for row in rows]


@each_row(
    ("wanted", "found"),
    [
        pytest.param({}, [0, 1, 2, 3], id="all, oldest first"),
        pytest.param({"since": NOON + MINUTE}, [1, 2, 3], id="since counts the instant itself"),
        pytest.param({"until": NOON + MINUTE}, [0], id="until does not"),
        pytest.param({"actor_id": "U0PERSON1"}, [1, 3], id="one actor"),
        pytest.param({"actor_id": "U0PERSON0"}, [0, 2, 3], id="one actor, and who acted on them"),
        pytest.param({"delivery_id": "d2"}, [2], id="one delivery"),
        pytest.param(
            {"actor_id": "U0PERSON0", "since": NOON + MINUTE, "until": NOON + 3 * MINUTE},
            [2],
            id="all at once",
        ),
        pytest.param({"delivery_id": "d9"}, [], id="an unknown delivery has no events"),
    ],
)
async def test_each_filter_returns_its_events(four, wanted, found):
    assert numbers(await read(four, **wanted)) == found
    assert numbers(await read_newest(four, 9, **wanted)) == found


async def test_a_limit_returns_the_newest_matches_oldest_first(four):
    assert numbers(await read_newest(four, 2)) == [2, 3]
    newest = await read_newest(four, 1, actor_id="U0PERSON0", until=NOON + 3 * MINUTE)
    assert numbers(newest) == [2]


async def test_events_with_ids_below_1_are_read_too(four):
    await overrule(four, "UPDATE audit_events SET id = id - 1000")
    assert numbers(await read(four)) == [0, 1, 2, 3]


async def test_the_events_of_a_conversation_are_those_of_all_its_deliveries(database):
    whose = {"team_id": "T0CALLAUDIO", "user_id": "U0ALICE00"}
    async with database.write() as session:
        for delivery_id, call in (("d1", "CA1"), ("d2", "CA2"), ("d3", "CA1")):
            session.add(delivery_row(delivery_id, "C0QUALITY0", conversation_id=call, **whose))
    about = [replace(EVENT, delivery_id=each) for each in ("d1", "d2", "d3", None)]
    await write(database, *about)

    def of(call: str) -> dict[str, object]:
        return {"conversation_id": call, "deliveries": deliveries_of_call(call)}

    for asked in (read, lambda store, **wanted: read_newest(store, 9, **wanted)):
        found = await asked(database, **of("CA1"))
        assert [row.delivery_id for row in found] == ["d1", "d3"]
        assert await asked(database, **of("CA3")) == []
        both = await asked(database, **of("CA1"), delivery_id="d3")
        assert [row.delivery_id for row in both] == ["d3"]


async def test_events_are_found_by_the_reference_shown_to_the_requester(database):
    told = replace(EVENT, delivery_id=None, payload={"reference": "e0123456789a"})
    await write(database, EVENT, told)
    (row,) = await read(database, delivery_id="e0123456789a")
    assert row.payload == told.payload
    (row,) = await read(database, delivery_id="d1")
    assert row.payload == EVENT.payload


CAUSE = {"cause": "audience", "after_seconds": 61.5}
TAKEN_BACK = replace(EVENT, tag=AuditTag.FILE_TAKEN_BACK, payload=CAUSE)
LEFT_BEHIND = replace(EVENT, tag=AuditTag.FILE_TAKEN_BACK, payload={"cause": "unfinished"})


@pytest.fixture
def metrics(sqlite_store) -> Metrics:
    metrics = Metrics()
    sqlite_store.on_recorded = counting(metrics)
    return metrics


def figure(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_committed_events_count_by_tag_and_files_taken_back_by_cause(sqlite_store, metrics):
    await write(sqlite_store, EVENT, TAKEN_BACK, TAKEN_BACK)
    await write(sqlite_store, EVENT)
    assert figure(metrics, "callaudio_audit_events_total", tag=EVENT.tag.value) == 2
    assert figure(metrics, "callaudio_audit_events_total", tag=TAKEN_BACK.tag.value) == 2
    assert figure(metrics, "callaudio_take_backs_total", cause="audience") == 2


async def test_the_seconds_from_the_cause_to_the_deletion_are_in_a_histogram_by_cause(
    sqlite_store, metrics
):
    await write(sqlite_store, TAKEN_BACK, LEFT_BEHIND)
    name = "callaudio_take_back_seconds"
    assert figure(metrics, f"{name}_sum", cause="audience") == 61.5
    assert figure(metrics, f"{name}_bucket", cause="audience", le="60.0") == 0
    assert figure(metrics, f"{name}_bucket", cause="audience", le="90.0") == 1
    assert figure(metrics, f"{name}_count", cause="unfinished") is None, "nobody knows since when"


async def test_events_of_a_transaction_that_failed_do_not_count(sqlite_store, metrics):
    with suppress(ZeroDivisionError):
        async with sqlite_store.write() as session:
            await record(session, EVENT)
            raise ZeroDivisionError
    assert figure(metrics, "callaudio_audit_events_total", tag=EVENT.tag.value) is None


async def test_a_transaction_without_events_counts_nothing(sqlite_store, metrics):
    async with sqlite_store.write():
        pass
    assert b"callaudio_audit_events_total{" not in metrics.render()[0]
