"""Which redacted recordings are checked: before their share, or in a sample after it."""

from dataclasses import replace

from pydantic import SecretStr
from sqlalchemy import select

from bot.observability.metrics import Metrics
from bot.recordings.redaction.check_store import CheckStore
from bot.recordings.redaction.checking import RedactionChecks
from bot.recordings.redaction.redaction_gate import RedactionGate, Sampling
from bot.store.tables import AuditEventRow, DueWorkRow, RedactionCheckRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row, under_way
from tests.recordings.references.test_agents import AGENTS

TEAM, ALICE, CHANNEL = "T0QUALITY0", "U0ALICE", "C0QUALITY0"
RAW_KEY = SecretStr("rawKeyRawKeyRawKeyRawKey00000001")
WITH_ONE_RAW_KEY = AGENTS | {"default": replace(AGENTS["default"], pii_api_key=RAW_KEY)}


async def test_recordings_of_agents_with_a_raw_key_are_sampled_and_nothing_else(sqlite_store):
    every, none = (Sampling(WITH_ONE_RAW_KEY, share=share) for share in (1.0, 0.0))
    async with sqlite_store.write() as session:
        for sampling, delivery_id, columns in (
            (every, "sampled", {"direction": "agent"}),
            (none, "not in the sample", {}),
            (every, "without a raw key", {"agent_name": "sales"}),
            (every, "of an agent that is gone", {"agent_name": "gone"}),
            (every, "a transcript", {"kind": "transcript"}),
        ):
            row = delivery_row(delivery_id, CHANNEL, team_id=TEAM, user_id=ALICE, **columns)
            sampling.take(session, row, NOON)

    async with sqlite_store.read() as session:
        (check,) = await session.scalars(select(RedactionCheckRow))
        (work,) = await session.scalars(select(DueWorkRow))
    assert (check.delivery_id, check.team_id, check.asked_by) == ("sampled", TEAM, "system")
    assert (check.cause, check.agent_name, check.direction) == ("sample", "default", "agent")
    assert (check.conversation_id, check.requested_at) == ("CAsampled", NOON)
    assert (check.ended_at, check.verdict, check.says) == (None, None, None)
    assert (work.kind, work.key) == ("check_redaction", check.id)


async def test_before_the_share_nothing_is_checked_that_is_raw_or_has_no_raw_key(sqlite_store):
    store = CheckStore(database=sqlite_store, clock=lambda: NOON)
    checks = RedactionChecks(store=store, polyai=None, agents=WITH_ONE_RAW_KEY, metrics=Metrics())
    gate, redacted = RedactionGate(checks=checks, store=store), {"outcome": "redacted"}
    for delivery in (
        under_way(),
        under_way(kind="transcript", **redacted),
        under_way(agent_name="sales", **redacted),
    ):
        await gate.check(delivery, upload=None)

    async with sqlite_store.read() as session:
        assert list(await session.scalars(select(RedactionCheckRow))) == []
        assert list(await session.scalars(select(AuditEventRow))) == []
