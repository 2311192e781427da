"""What an anchor proves, and when it proves nothing any more."""

import pytest

from bot.audit.chain import Head
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.findings import ChainFault
from bot.audit.log import record
from bot.audit.verify import heads
from bot.store.database import Database
from bot.store.tables import AuditCheckpointRow
from tests.audit.chains import (
    LATER,
    LENGTHS,
    OPS,
    SEALED,
    TEAM,
    found,
    hashes,
    overrule,
    seal_at,
    tamper,
    undone,
    write,
)
from tests.tables import each_row

HASHES, OF_SEALED = hashes(), hashes(SEALED)
FORGED = "f" * 64
LAST = LENGTHS[TEAM]
NOBODY = "T0NOBODY00"
BROKEN, UNPROVABLE, UNSEALED = (
    ChainFault.ANCHOR_BROKEN,
    ChainFault.ANCHOR_UNPROVABLE,
    ChainFault.UNSEALED,
)

# What was written down, and what is found.
ANCHORS = {
    "the head": ([(TEAM, LAST, HASHES[LAST])], []),
    "an event before it": ([(TEAM, 2, HASHES[2])], []),
    "every event": ([(TEAM, seq, HASHES[seq]) for seq in range(LAST + 1)], []),
    "another hash": ([(TEAM, 2, FORGED)], [(TEAM, 2, BROKEN)]),
    "a true one, then a false one": (
        [(TEAM, 2, HASHES[2]), (TEAM, 2, FORGED)],
        [(TEAM, 2, BROKEN)],
    ),
    "a false one, then a true one": (
        [(TEAM, 2, FORGED), (TEAM, 2, HASHES[2])],
        [(TEAM, 2, BROKEN)],
    ),
    "the hash of another event": ([(TEAM, 2, HASHES[3])], [(TEAM, 2, BROKEN)]),
    "an event after the last": ([(TEAM, LAST + 1, FORGED)], [(TEAM, LAST + 1, BROKEN)]),
    "the beginning": ([(TEAM, 0, HASHES[0])], []),
    "another beginning": ([(TEAM, 0, FORGED)], [(TEAM, 0, BROKEN)]),
    "a workspace that has no chain": ([(NOBODY, 2, FORGED)], [(NOBODY, 2, BROKEN)]),
    "an event after the seal": ([(SEALED, 5, OF_SEALED[5])], []),
    "the sealed event": ([(SEALED, 4, OF_SEALED[4])], []),
    "another sealed event": ([(SEALED, 4, FORGED)], [(SEALED, 4, BROKEN)]),
    "the event that was sealed before": ([(SEALED, 2, OF_SEALED[2])], []),
    "another event that was sealed before": ([(SEALED, 2, FORGED)], [(SEALED, 2, BROKEN)]),
    "an event that was removed": ([(SEALED, 3, OF_SEALED[3])], [(SEALED, 3, UNPROVABLE)]),
    "an event that was removed before": ([(SEALED, 1, OF_SEALED[1])], [(SEALED, 1, UNPROVABLE)]),
    "the beginning of a sealed chain": ([(SEALED, 0, OF_SEALED[0])], []),
}


@pytest.mark.postgresql_at_length
@each_row(("anchors", "expected"), ANCHORS.values(), ANCHORS)
async def test_an_anchor_proves_only_its_event_or_checkpoint(chained, anchors, expected):
    async with undone(chained) as session:
        assert await found(session, *(Head(*each) for each in anchors)) == expected


async def test_a_rewritten_chain_is_found_by_its_anchor(database):
    await write(database, range(1, 4))
    anchor = await newest(database)
    await overrule(database, "DELETE FROM audit_events", "DELETE FROM audit_heads")
    await write(database, (7, 8, 9))

    assert await proof(database) == []
    assert await proof(database, anchor) == [(TEAM, 3, BROKEN)]


async def test_a_forged_checkpoint_cannot_prove_an_earlier_anchor(database):
    await write(database, range(1, 6))
    anchor = await newest(database)
    await overrule(
        database, "DELETE FROM audit_events", f"UPDATE audit_heads SET seq = 6, hash = '{FORGED}'"
    )
    await seal_as_before(database, 6, FORGED)
    await write(database, (50, 51, 52))

    assert await proof(database) == []
    assert await proof(database, anchor) == [(TEAM, 5, UNPROVABLE)]


async def test_the_anchor_of_a_seal_proves_the_seal_and_all_later_events(database):
    await write(database, range(1, 7))
    anchor = await seal_at(database, 4, TEAM)
    assert (anchor.team_id, anchor.seq) == (TEAM, 7)
    await write(database, (8, 9))
    assert await proof(database, anchor) == []

    # The same seal, with its event, of another history.
    await overrule(
        database,
        "DELETE FROM audit_events",
        "DELETE FROM audit_checkpoints",
        f"UPDATE audit_heads SET seq = 4, hash = '{FORGED}'",
    )
    await seal_as_before(database, 4, FORGED)
    await write(database, (5, 6, 7))
    assert await proof(database) == []
    assert await proof(database, anchor) == [(TEAM, 7, BROKEN)]


async def test_an_earlier_seal_that_no_event_covers_proves_no_anchor(database):
    await write(database, range(1, 7))
    digests = hashes()
    await seal_as_before(database, 2, digests[2])
    await seal_as_before(database, 4, digests[4])
    await overrule(database, "DELETE FROM audit_events WHERE seq <= 4")

    assert await proof(database, Head(TEAM, 4, digests[4])) == []
    assert await proof(database, Head(TEAM, 2, digests[2])) == [(TEAM, 2, UNPROVABLE)]


async def test_an_earlier_seal_that_was_altered_proves_no_anchor(chained):
    async with undone(chained) as session:
        change = f"UPDATE audit_checkpoints SET hash = '{FORGED}' WHERE seq = 2"
        await tamper(session, change)

        assert await found(session, Head(SEALED, 2, FORGED)) == [
            (SEALED, 4, UNSEALED),
            (SEALED, 2, UNPROVABLE),
        ]


async def proof(database: Database, *anchors: Head) -> list[tuple[str, int | None, ChainFault]]:
    async with database.read() as session:
        return await found(session, *anchors)


async def newest(database: Database) -> Head:
    async with database.read() as session:
        return (await heads(session))[0]


async def seal_as_before(database: Database, seq: int, digest: str) -> None:
    """Write a checkpoint whose event does not cover the earlier ones, as early versions did."""
    async with database.write() as session:
        session.add(
            AuditCheckpointRow(team_id=TEAM, seq=seq, hash=digest, sealed_at=LATER, sealed_by=OPS)
        )
        await record(
            session,
            AuditEvent(
                tag=AuditTag.AUDIT_SEALED,
                team_id=TEAM,
                actor_id=OPS,
                occurred_at=LATER,
                payload={"sealed_seq": seq, "sealed_hash": digest},
            ),
        )
