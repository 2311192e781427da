"""Figures of the audit: what was committed counts, and nothing else."""

from contextlib import suppress
from dataclasses import replace

import pytest

from bot.audit.events import AuditTag
from bot.audit.log import counting, record
from bot.observability.metrics import Metrics
from tests.audit.test_audit_log import EVENT, write

PAYLOAD = {"cause": "audience", "after_seconds": 61.5}
TAKEN_BACK = replace(EVENT, tag=AuditTag.FILE_TAKEN_BACK, payload=PAYLOAD)
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
