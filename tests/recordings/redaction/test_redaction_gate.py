"""Which redacted recordings are sampled for a check after their share."""

from dataclasses import replace

from pydantic import SecretStr
from sqlalchemy import select

from bot.recordings.redaction.redaction_gate import Sampling
from bot.store.tables import DueWorkRow, RedactionCheckRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row
from tests.recordings.references.test_agents import AGENTS

TEAM, ALICE, CHANNEL = "T0QUALITY0", "U0ALICE", "C0QUALITY0"
RAW_KEY = SecretStr("rawKeyRawKeyRawKeyRawKey00000001")
OF_BOTH_KEYS = {"default": replace(AGENTS["default"], pii_api_key=RAW_KEY)}


async def test_recordings_of_agents_with_a_raw_key_are_sampled_and_nothing_else(sqlite_store):
    every, none = (Sampling(AGENTS | OF_BOTH_KEYS, share=share) for share in (1.0, 0.0))
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
