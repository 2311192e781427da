"""The database refuses every SQL statement that would change the audit."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.store.database import Database

EVENT = (
    "audit_events (id, seq, occurred_at, team_id, tag, actor_id, version, payload, previous_hash, "
    "hash) VALUES ({id}, {seq}, '2026-06-03 12:00:00.000000', 'T0QUALITY0', 'admin:grant:added', "
    "'{actor}', 1, '{{}}', 'p', 'h')"
)
CHECKPOINT = (
    "audit_checkpoints (team_id, seq, hash, sealed_at, sealed_by) VALUES ('T0QUALITY0', 1, "
    "'{hash}', '2026-06-03 12:00:00.000000', 'cli:ops')"
)

FIRST = EVENT.format(id=11, seq=3, actor="U0BOSS")
SAME_ID = EVENT.format(id=11, seq=4, actor="U0FORGER")
SAME_SEQ = EVENT.format(id=12, seq=3, actor="U0FORGER")
NUMBERED_BY_THE_DATABASE = SAME_SEQ.replace("(id, ", "(", 1).replace("(12, ", "(", 1)
SEALED = CHECKPOINT.format(hash="h")
FORGED_SEAL = CHECKPOINT.format(hash="f")

EVERYWHERE = [
    "UPDATE audit_events SET actor_id = 'U0FORGER'",
    "DELETE FROM audit_events",
    f"INSERT INTO {SAME_ID} ON CONFLICT (id) DO UPDATE SET actor_id = 'U0FORGER'",
    f"INSERT INTO {SAME_SEQ} ON CONFLICT (team_id, seq) DO UPDATE SET actor_id = 'U0FORGER'",
    "UPDATE audit_checkpoints SET hash = 'f'",
    "DELETE FROM audit_checkpoints",
    f"INSERT INTO {FORGED_SEAL} ON CONFLICT (team_id, seq) DO UPDATE SET hash = 'f'",
]
SQLITE = [
    f"REPLACE INTO {SAME_ID}",
    f"REPLACE INTO {SAME_SEQ}",
    f"REPLACE INTO {NUMBERED_BY_THE_DATABASE}",
    f"INSERT OR REPLACE INTO {SAME_ID}",
    f"INSERT OR REPLACE INTO {SAME_SEQ}",
    "UPDATE OR REPLACE audit_events SET actor_id = 'U0FORGER'",
    "UPDATE OR IGNORE audit_events SET actor_id = 'U0FORGER'",
    f"REPLACE INTO {FORGED_SEAL}",
    "UPDATE OR REPLACE audit_checkpoints SET hash = 'f'",
]
POSTGRESQL = [
    "TRUNCATE audit_events",
    "TRUNCATE audit_checkpoints",
    (
        "MERGE INTO audit_events AS e USING (SELECT 3 AS seq) AS n ON e.seq = n.seq "
        "WHEN MATCHED THEN UPDATE SET actor_id = 'U0FORGER'"
    ),
]


async def execute(database: Database, *statements: str) -> None:
    async with database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement.replace(":", r"\:")))


async def stored(database: Database) -> list[tuple[object, ...]]:
    async with database.engine.connect() as connection:
        events = await connection.execute(text("SELECT id, seq, actor_id FROM audit_events"))
        checkpoints = await connection.execute(text("SELECT seq, hash FROM audit_checkpoints"))
        return [tuple(row) for row in (*events, *checkpoints)]


async def test_every_way_of_changing_a_row_is_refused(database):
    await execute(database, f"INSERT INTO {FIRST}", f"INSERT INTO {SEALED}")
    before = await stored(database)

    for statement in EVERYWHERE + (SQLITE if database.is_sqlite else POSTGRESQL):
        with pytest.raises(DBAPIError, match="are never changed"):
            await execute(database, statement)
        assert await stored(database) == before, statement


async def test_sealed_events_may_be_removed_and_new_ones_written(database):
    await execute(database, f"INSERT INTO {EVENT.format(id=1, seq=1, actor='U0BOSS')}")
    await execute(database, f"INSERT INTO {FIRST}", f"INSERT INTO {SEALED}")
    await execute(database, "DELETE FROM audit_events WHERE seq = 1")
    await execute(database, f"INSERT INTO {NUMBERED_BY_THE_DATABASE.replace('(3, ', '(4, ', 1)}")

    assert sorted(row[1] for row in await stored(database) if row[1] != "h") == [3, 4]
