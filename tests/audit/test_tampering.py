"""Every kind of tampering is found and named: one row for each kind."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.audit import verify as verification
from bot.audit.findings import ChainFault
from bot.store.database import Database
from tests.audit.chains import (
    LENGTHS,
    OPS,
    OTHER,
    SEALED,
    TEAM,
    Found,
    found,
    hashes,
    inserted,
    link,
    tamper,
    undone,
)
from tests.tables import Test, each_row

HASHES = hashes()
FORGED = "f" * 64
LAST = LENGTHS[TEAM]
LAST_SEALED = LENGTHS[SEALED] + 2

ALTERED, REMOVED, UNLINKED = ChainFault.ALTERED, ChainFault.REMOVED, ChainFault.UNLINKED
REORDERED, STRAY = ChainFault.REORDERED, ChainFault.STRAY
TAIL, HEAD, UNSEALED = ChainFault.TAIL_REMOVED, ChainFault.HEAD_ALTERED, ChainFault.UNSEALED

Case = tuple[str, tuple[str, ...], Found]


def event(change: str, seq: int = 3, team_id: str = TEAM) -> str:
    return f"UPDATE audit_events SET {change} WHERE team_id = '{team_id}' AND seq = {seq}"


def events(change: str, where: str) -> str:
    return f"UPDATE audit_events SET {change} WHERE team_id = '{TEAM}' AND {where}"


def gone(where: str) -> str:
    return f"DELETE FROM audit_events WHERE team_id = '{TEAM}' AND {where}"


def head(change: str) -> str:
    return f"UPDATE audit_heads SET {change} WHERE team_id = '{TEAM}'"


def checkpoint(change: str, seq: int = 4) -> str:
    return f"UPDATE audit_checkpoints SET {change} WHERE team_id = '{SEALED}' AND seq = {seq}"


def no_checkpoint(where: str) -> str:
    return f"DELETE FROM audit_checkpoints WHERE team_id = '{SEALED}' AND {where}"


def forged_checkpoint(seq: int, digest: str, team_id: str = TEAM) -> str:
    return (
        "INSERT INTO audit_checkpoints (team_id, seq, hash, sealed_at, sealed_by) VALUES "
        f"('{team_id}', {seq}, '{digest}', '2026-06-03 13:00:00.000000+00:00', '{OPS}')"
    )


def at(*places: tuple[int | None, ChainFault], team_id: str = TEAM) -> Found:
    return [(team_id, seq, fault) for seq, fault in places]


def at_sealed(*places: tuple[int | None, ChainFault]) -> Found:
    return at(*places, team_id=SEALED)


def altered(says: str, change: str) -> Case:
    """A change of event 3 that its hash shows, and nothing else does."""
    return says, (event(change),), at((3, ALTERED))


FORGED_LINK = link(3, HASHES[2], actor_id="U0FORGER0")
TAIL_LINK = link(LAST + 1, HASHES[LAST])
FIRST_LINK = link(1, HASHES[0], actor_id="U0FORGER0")

HEAD_SET_BACK = (
    "UPDATE audit_heads SET (seq, hash) = (SELECT seq, hash FROM audit_events "
    f"WHERE team_id = '{SEALED}' AND seq = {LAST_SEALED - 1}) WHERE team_id = '{SEALED}'"
)

ALTERING: list[Case] = [
    altered("its tag is another", "tag = 'admin:digest:added'"),
    altered("its actor is another", "actor_id = 'U0OTHER00'"),
    altered("its delivery is another", "delivery_id = 'd1'"),
    altered("its version is another", "version = 2"),
    altered("its time is another", "occurred_at = '2026-06-03 11:00:00.000000+00:00'"),
    altered(
        "its payload is another", """payload = '{"number": 3, "until": null, "right": "admin"}'"""
    ),
    (
        "it names another event before it",
        (event(f"previous_hash = '{FORGED}'"),),
        at((3, UNLINKED), (3, ALTERED)),
    ),
    ("its hash is another", (event(f"hash = '{FORGED}'"),), at((3, ALTERED), (4, UNLINKED))),
    (
        "its content and its hash were changed",
        (event(f"actor_id = 'U0FORGER0', hash = '{FORGED_LINK.hash()}'"),),
        at((4, UNLINKED)),
    ),
    (
        "its number is another",
        (event("seq = 8"),),
        at((3, REMOVED), (7, REMOVED), (8, ALTERED), (8, HEAD)),
    ),
    ("its id is that of a later event", (event("id = 1000"),), at((4, REORDERED))),
    (
        "it was moved to another workspace's chain",
        (event(f"team_id = '{OTHER}'"),),
        [*at((3, REMOVED)), *at((3, UNLINKED), (3, ALTERED), (3, HEAD), team_id=OTHER)],
    ),
    ("the first is another", (event("actor_id = 'U0OTHER00'", seq=1),), at((1, ALTERED))),
    ("the last is another", (event("actor_id = 'U0OTHER00'", seq=LAST),), at((LAST, ALTERED))),
]

REMOVING: list[Case] = [
    ("the first is gone", (gone("seq = 1"),), at((1, REMOVED))),
    ("some in the middle are gone", (gone("seq IN (3, 4)"),), at((3, REMOVED))),
    ("the last are gone", (gone("seq > 4"),), at((4, TAIL))),
    ("all are gone", (gone("seq > 0"),), at((0, TAIL))),
    (
        "the first of a sealed chain is gone",
        (f"DELETE FROM audit_events WHERE team_id = '{SEALED}' AND seq = 5",),
        at_sealed((5, REMOVED)),
    ),
    (
        "the event of the seal and all later ones are removed, and the head is set back",
        (
            f"DELETE FROM audit_events WHERE team_id = '{SEALED}' AND seq >= {LAST_SEALED}",
            HEAD_SET_BACK,
        ),
        at_sealed((4, UNSEALED)),
    ),
]

INSERTING: list[Case] = [
    (
        "one before the first, with later ones renumbered",
        (events("seq = seq + 1", "seq > 0"), inserted(FIRST_LINK)),
        at((2, UNLINKED), *((seq, ALTERED) for seq in range(2, LAST + 2)), (LAST + 1, HEAD)),
    ),
    (
        "one in the middle, with later ones renumbered",
        (events("seq = seq + 1", "seq > 2"), inserted(FORGED_LINK)),
        at((4, UNLINKED), *((seq, ALTERED) for seq in range(4, LAST + 2)), (LAST + 1, HEAD)),
    ),
    ("one after the last", (inserted(TAIL_LINK),), at((LAST + 1, HEAD))),
    ("one with the number of another", (inserted(FORGED_LINK),), at((3, UNLINKED))),
    (
        "one with the number of another, and an id before it",
        (inserted(FORGED_LINK, row_id=-1),),
        at((3, UNLINKED), (4, UNLINKED), (3, REORDERED)),
    ),
    ("one numbered 0", (inserted(replace(FIRST_LINK, seq=0)),), at((0, STRAY))),
    ("one with a number below 0", (inserted(replace(FIRST_LINK, seq=-7)),), at((-7, STRAY))),
    ("one without a number", (inserted(TAIL_LINK), event("seq = NULL", 7)), at((None, STRAY))),
    (
        "one numbered like the checkpoint",
        (inserted(link(4, FORGED, SEALED)),),
        at_sealed((4, STRAY)),
    ),
    (
        "one numbered below the checkpoint",
        (inserted(link(1, FORGED, SEALED)),),
        at_sealed((1, STRAY)),
    ),
    (
        "one in a workspace that has no chain",
        (inserted(link(1, HASHES[0], "T0NOBODY00")),),
        at((1, HEAD), team_id="T0NOBODY00"),
    ),
    (
        "one that belongs to no workspace",
        (inserted(TAIL_LINK), event("team_id = NULL", 7)),
        [("None", None, STRAY)],
    ),
]

REORDERING: list[Case] = [
    (
        "two have changed their numbers",
        (event("seq = 99", 2), event("seq = 2", 3), event("seq = 3", 99)),
        at((2, UNLINKED), (2, ALTERED), (3, UNLINKED), (3, ALTERED), (4, UNLINKED)),
    ),
    (
        "two have changed their ids, by which they are listed",
        (event("id = -1", 2), event("id = 2", 3), event("id = 3", 2)),
        at((3, REORDERED)),
    ),
    (
        "all have ids below 1, in their order",
        (events("id = id - 1000", "seq > 0"),),
        at(*((seq, REORDERED) for seq in range(1, LAST + 1))),
    ),
]

HEADS: list[Case] = [
    ("it is an earlier event", (head(f"seq = 5, hash = '{HASHES[5]}'"),), at((LAST, HEAD))),
    ("it is a later event", (head("seq = 9"),), at((LAST, TAIL))),
    ("its hash is another", (head(f"hash = '{FORGED}'"),), at((LAST, HEAD))),
    ("its hash is gone", (head("hash = NULL"),), at((LAST, HEAD))),
    ("its number is gone", (head("seq = NULL"),), at((LAST, HEAD))),
    ("it is gone", (f"DELETE FROM audit_heads WHERE team_id = '{TEAM}'",), at((LAST, HEAD))),
    (
        "there are two",
        (f"INSERT INTO audit_heads (team_id, seq, hash) VALUES ('{TEAM}', 9, '{FORGED}')",),
        at((LAST, HEAD)),
    ),
    (
        "it is that of no workspace",
        (head("team_id = NULL"),),
        [("None", None, HEAD), *at((LAST, HEAD))],
    ),
    (
        "there is one where there are no events",
        (f"INSERT INTO audit_heads (team_id, seq, hash) VALUES ('T0NOBODY00', 9, '{FORGED}')",),
        at((0, TAIL), team_id="T0NOBODY00"),
    ),
]

CHECKPOINTS: list[Case] = [
    (
        "a checkpoint without an event, and its covered events are removed",
        (forged_checkpoint(3, HASHES[3]), gone("seq <= 3")),
        at((3, UNSEALED)),
    ),
    (
        "a checkpoint without an event, and its covered events exist",
        (forged_checkpoint(3, HASHES[3]),),
        at((1, STRAY), (2, STRAY), (3, STRAY), (3, UNSEALED)),
    ),
    (
        "there is one where there are no events",
        (forged_checkpoint(3, FORGED, "T0NOBODY00"),),
        at((3, HEAD), (3, UNSEALED), team_id="T0NOBODY00"),
    ),
    (
        "its hash is another",
        (checkpoint(f"hash = '{FORGED}'"),),
        at_sealed((5, UNLINKED), (4, UNSEALED)),
    ),
    ("its number is another", (checkpoint("seq = 3"),), at_sealed((4, REMOVED), (3, UNSEALED))),
    ("another made it", (checkpoint("sealed_by = 'cli:else'"),), at_sealed((4, UNSEALED))),
    (
        "it was made at another time",
        (checkpoint("sealed_at = '2026-06-03 11:00:00.000000+00:00'"),),
        at_sealed((4, UNSEALED)),
    ),
    ("it is gone", (no_checkpoint("seq = 4"),), at_sealed((3, REMOVED))),
    ("all are gone", (no_checkpoint("seq > 0"),), at_sealed((1, REMOVED))),
    ("an earlier one is gone", (no_checkpoint("seq = 2"),), at_sealed((4, UNSEALED))),
    (
        "an earlier one was made by another",
        (checkpoint("sealed_by = 'cli:else'", 2),),
        at_sealed((4, UNSEALED)),
    ),
    ("an earlier one was added", (forged_checkpoint(3, FORGED, SEALED),), at_sealed((4, UNSEALED))),
    ("its number is gone", (checkpoint("seq = NULL"),), at_sealed((None, UNSEALED), (3, REMOVED))),
    (
        "its time is gone",
        (checkpoint("sealed_at = NULL", 2),),
        at_sealed((2, UNSEALED), (4, UNSEALED)),
    ),
    (
        "it is that of no workspace",
        (checkpoint("team_id = NULL", 2),),
        [("None", 2, UNSEALED), *at_sealed((4, UNSEALED))],
    ),
]

LONG_NUMBER = f"""payload = '{{"grant_id": {"9" * 5000}}}'"""
DEEP = f"""payload = '{'{"a":' * 2000}1{"}" * 2000}'"""
UNREADABLE: list[Case] = [
    altered("a list as the payload of a seal", "payload = '[]', tag = 'admin:audit:sealed'"),
    altered("a payload that is text", """payload = '"words"'"""),
    altered("a payload that is null", "payload = 'null'"),
    altered("a payload with a number of 5000 digits", LONG_NUMBER),
    altered("a payload 2000 deep", DEEP),
    *(
        altered(f"no {column}", f"{column} = NULL")
        for column in ("payload", "occurred_at", "tag", "actor_id", "version")
    ),
    ("no previous_hash", (event("previous_hash = NULL"),), at((3, UNLINKED), (3, ALTERED))),
    ("no hash", (event("hash = NULL"),), at((3, ALTERED), (4, UNLINKED))),
    ("no id", (event("id = NULL"),), at((3, REORDERED))),
    altered("a time in year 1", "occurred_at = '0001-01-01 00:00:00+00:00'"),
    altered("a tag that would write to the terminal", "tag = '\x1b[31m'"),
]

TWICE = '{"number": 9, "number": 3, "until": null, "right": "pii"}'
ESCAPED = r'{"n\u0075mber": 3, "until": null, "right": "pii"}'
OF_SQLITE: list[Case] = [
    altered("a payload that is no JSON", "payload = 'not json'"),
    altered("a payload of bytes", "payload = x'ff00'"),
    altered("a payload that is a number", "payload = 7"),
    altered("a name twice, of which SQL reads the first", f"payload = '{TWICE}'"),
    altered("a name in escapes, which SQL does not find", f"payload = '{ESCAPED}'"),
    *(
        altered(f"the same time as {text}, which SQL compares otherwise", f"occurred_at = '{text}'")
        for text in (
            "2026-06-04 11:00:03.000000+23:00",
            "2026-06-03T12:00:03.000000",
            "2026-06-03 12:00:03",
        )
    ),
    altered("a time that is none", "occurred_at = 'garbage'"),
    altered("a time that is a number", "occurred_at = 7"),
    altered("a time out of reach", "occurred_at = '0001-01-01 00:00:00+23:00'"),
    altered("an actor of bytes", "actor_id = x'ff'"),
    altered("a delivery of bytes", "delivery_id = x'ff'"),
    altered("a version that is text", "version = 'one'"),
    ("a number that is text", (event("seq = 'three'"),), at((None, STRAY), (3, REMOVED))),
    ("a number between two", (event("seq = 2.5"),), at((None, STRAY), (3, REMOVED))),
    ("an id that is text", (event("id = 'three'"),), at((3, REORDERED))),
    (
        "a workspace of bytes",
        (event("team_id = x'ff'"),),
        [("b'\\xff'", None, STRAY), *at((3, REMOVED))],
    ),
    ("a head that is text", (head("seq = 'six'"),), at((LAST, HEAD))),
    (
        "a checkpoint that is text",
        (checkpoint("seq = 'four'"),),
        at_sealed((None, UNSEALED), (3, REMOVED)),
    ),
]

OF_POSTGRESQL: list[Case] = [
    altered("a time without end", "occurred_at = 'infinity'"),
    altered("a time before our era", "occurred_at = '0044-03-15 12:00:00+00 BC'"),
    altered("a time after year 9999", "occurred_at = '20000-01-01 00:00:00+00'"),
    (
        "a checkpoint's time without end",
        (checkpoint("sealed_at = 'infinity'", 2),),
        at_sealed((2, UNSEALED), (4, UNSEALED)),
    ),
]


def table(*cases: Case) -> Callable[[Test], Test]:
    ids = [says for says, _, _ in cases]
    return each_row(("statements", "expected"), [case[1:] for case in cases], ids)


@table(*ALTERING, *UNREADABLE)
async def test_tampering_is_found_and_named(chained, statements, expected):
    await assert_found(chained, statements, expected)


# One statement reads the chain, and Python judges it: the rows above show each type of a column.
@pytest.mark.postgresql_at_length
@table(*REMOVING, *INSERTING, *REORDERING, *HEADS, *CHECKPOINTS)
async def test_tampering_with_whole_rows_is_found_and_named(chained, statements, expected):
    await assert_found(chained, statements, expected)


@pytest.mark.parametrize("chained_url", ["sqlite"], indirect=True)
@table(*OF_SQLITE)
async def test_tampering_that_only_sqlite_allows_is_found_and_named(chained, statements, expected):
    await assert_found(chained, statements, expected)


@pytest.mark.parametrize("chained_url", ["postgresql"], indirect=True)
@table(*OF_POSTGRESQL)
async def test_tampering_that_only_postgresql_allows_is_found_and_named(
    chained, statements, expected
):
    await assert_found(chained, statements, expected)


async def assert_found(chained: Database, statements: tuple[str, ...], expected: Found) -> None:
    async with undone(chained) as session:
        await tamper(session, *statements)
        assert order(await found(session)) == order(expected)


async def test_untouched_chains_have_no_finding(chained):
    async with undone(chained) as session:
        assert await found(session) == []
        await tamper(session)
        assert await found(session) == []


async def test_only_the_first_of_many_equal_findings_are_named_and_the_others_counted(
    chained, monkeypatch
):
    monkeypatch.setattr(verification, "MOST_NAMED", 2)
    async with undone(chained) as session:
        await tamper(session, events("version = 2", "seq > 0"))
        findings = [each async for each in verification.verify(session)]

    findings = [each for each in findings if each.team_id == TEAM]
    assert [each.seq for each in findings] == [1, 2, None]
    assert findings[-1].says == f"and {LAST - 2} more like these"


def order(places: Found) -> list[tuple[str, ...]]:
    return sorted((team_id, str(seq), fault) for team_id, seq, fault in places)
