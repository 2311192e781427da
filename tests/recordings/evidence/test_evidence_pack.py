"""An evidence pack is verified offline: a change of any byte is found."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.evidence_verifier import COVERED, DIGEST_LENGTH, EVENTS, MANIFEST, faults, main
from bot.audit.log import AuditFilter, append, locked_head, record
from bot.audit.seal import seal
from bot.audit.snapshot import snapshot
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.evidence.evidence_pack import Packed, pack
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.outcome import Comparison
from bot.store.database import Database
from bot.store.tables import DeliveryRow
from tests.audit.chains import overrule
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

TEAM, CALL = "T0CALLAUDIO", "CA1"
NUMBER = "+441234567890"
NO_EVENT = "it matches no event of the pack, so it proves nothing"


def event(tag: AuditTag, delivery_id: str | None = "d1", **payload) -> AuditEvent:
    return AuditEvent(tag, TEAM, "U0ALICE00", NOON, delivery_id, payload)


async def stored(database: Database) -> None:
    """Store a call that was requested and taken back, its check, and another call."""
    async with database.write() as session:
        for delivery_id, conversation in (("d1", CALL), ("d2", "CA2")):
            session.add(
                delivery_row(
                    delivery_id,
                    "C1",
                    team_id=TEAM,
                    user_id="U0ALICE00",
                    conversation_id=conversation,
                    response_url=f"https://hooks.example/{NUMBER}",
                    problem={"what": NUMBER},
                    share_ts="1.0",
                    taken_back_at=NOON if delivery_id == "d1" else None,
                    taken_back_cause="audience" if delivery_id == "d1" else None,
                )
            )
            asked = event(AuditTag.DELIVERY_REQUESTED, delivery_id, conversation_id=conversation)
            await record(session, asked)
    check = Check(TEAM, CheckCause.ASKED, "default", CALL, asked_by="U0ALICE00")
    checks = CheckStore(database=database, clock=lambda: NOON)
    await checks.add_ended(check, Comparison(Verdict.PROVEN), began_at=NOON)
    async with database.write() as session:
        await record(session, event(AuditTag.DELIVERY_DELIVERED, channel_id="C1", file_id="Fd1"))
        gone = {"file_id": "Fd1", "picture_file_id": None, "cause": "audience"}
        await record(session, event(AuditTag.FILE_TAKEN_BACK, **gone))


async def packed(database: Database, path: Path, **wanted) -> Packed:
    async with snapshot(database) as session:
        return await pack(session, path, AuditFilter(**(wanted or {"conversation_id": CALL})))


def content(path: Path, name: str = "") -> str:
    """The text of the files of a pack whose names begin like this."""
    with zipfile.ZipFile(path) as files:
        names = [each for each in files.namelist() if each.startswith(name)]
        return "".join(files.read(each).decode() for each in names)


async def test_a_pack_of_a_call_verifies_and_contains_its_events(database, tmp_path):
    await stored(database)
    told = await packed(database, tmp_path / "pack.zip")
    assert (told.events, told.faults) == (4, ())
    assert list(faults(tmp_path / "pack.zip", told.heads)) == []
    assert '"taken_back_because": "audience"' in content(tmp_path / "pack.zip", "deliveries")
    assert '"asked_by": "U0ALICE00"' in content(tmp_path / "pack.zip", "deliveries")
    assert '"verdict": "proven"' in content(tmp_path / "pack.zip", "checks")
    for absent in ("CA2", NUMBER, "hooks.example"):
        assert absent not in content(tmp_path / "pack.zip")


EDITED = (
    "UPDATE deliveries SET user_id = 'U0FORGER0', taken_back_at = NULL, taken_back_cause = NULL",
    "UPDATE redaction_checks SET asked_by = 'U0FORGER0', verdict = 'leaking'",
)


async def test_an_edited_row_is_named_and_does_not_change_the_pack(database, tmp_path):
    await stored(database)
    await overrule(database, *EDITED)
    told = await packed(database, tmp_path / "pack.zip")
    named = [each for each in told.faults if "trigger_missing" not in each]
    altered = [(1, "delivery"), (2, "delivery"), (3, "check")]
    assert named == [f"{TEAM}:{seq} {what}_altered" for seq, what in altered]
    delivery = json.loads(content(tmp_path / "pack.zip", "deliveries"))
    check = json.loads(content(tmp_path / "pack.zip", "checks"))
    assert (delivery["asked_by"], delivery["source"]) == ("U0ALICE00", "events")
    assert (delivery["taken_back_because"], delivery["is_pruned"]) == ("audience", False)
    assert (check["verdict"], check["asked_by"]) == ("proven", "U0ALICE00")
    assert check["source"] == "events"
    assert "U0FORGER0" not in content(tmp_path / "pack.zip")


async def test_a_summary_of_sealed_events_is_read_from_the_rows_and_says_so(database, tmp_path):
    await stored(database)
    later = NOON + timedelta(hours=1)
    async with database.write() as session:
        assert await seal(session, TEAM, before=later, by="cli:ops", now=later)
    async with database.write() as session:
        for delivery_id in ("d1", "d2"):
            await record(session, event(AuditTag.NOTIFICATION_FAILED, delivery_id))
    told = await packed(database, tmp_path / "pack.zip")
    assert (told.events, told.faults) == (1, ()), "of this call after the seal"
    delivery = json.loads(content(tmp_path / "pack.zip", "deliveries"))
    check = json.loads(content(tmp_path / "pack.zip", "checks"))
    assert (delivery["asked_by"], delivery["taken_back_because"]) == ("U0ALICE00", "audience")
    assert (check["verdict"], check["asked_by"]) == ("proven", "U0ALICE00")
    assert {delivery["source"], check["source"]} == {"row"}


async def test_a_delivery_that_failed_after_its_deletion_was_ordered_was_not_taken_back(
    database, tmp_path
):
    await stored(database)
    later = NOON + timedelta(hours=1)
    failed = {"state": "failed", "share_ts": None, "taken_back_cause": "redaction_differs"}
    async with database.write() as session:
        await session.execute(update(DeliveryRow).where(DeliveryRow.id == "d2").values(**failed))
        assert await seal(session, TEAM, before=later, by="cli:ops", now=later)
    await packed(database, tmp_path / "pack.zip", conversation_id="CA2")
    delivery = json.loads(content(tmp_path / "pack.zip", "deliveries"))
    assert (delivery["state"], delivery["taken_back_because"]) == ("failed", None)


async def test_a_pack_of_a_period_contains_what_was_recorded_in_that_period(database, tmp_path):
    await stored(database)
    told = await packed(database, tmp_path / "pack.zip", since=NOON)
    assert told.events == 5
    assert list(faults(tmp_path / "pack.zip")) == []
    for number, period in enumerate(({"until": NOON}, {"since": NOON + timedelta(seconds=1)})):
        path = tmp_path / f"{number}.zip"
        empty = await packed(database, path, **period)
        assert (empty.events, content(path, "deliveries"), content(path, "checks")) == (0, "", "")
        assert list(faults(path)) == []


async def test_a_change_of_any_byte_is_found(sqlite_store, tmp_path):
    await stored(sqlite_store)
    path = tmp_path / "pack.zip"
    await packed(sqlite_store, path)
    whole = path.read_bytes()
    with path.open("r+b", buffering=0) as file:  # the packed files are also written to disk
        for at, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ 1]), at)
            assert list(faults(path)) != [], at
            os.pwrite(file.fileno(), bytes([byte]), at)
    for other in (whole[:-1], whole + b"\n", b"", whole[1:]):
        path.write_bytes(other)
        assert main([str(path)]) == 1


async def test_the_verifier_in_the_pack_needs_only_python(sqlite_store, tmp_path):
    await stored(sqlite_store)
    path = tmp_path / "pack.zip"
    told = await packed(sqlite_store, path)
    with zipfile.ZipFile(path) as files:
        files.extract("verify.py", tmp_path)

    def verified(*arguments: str) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", str(tmp_path / "verify.py"), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout

    wrong = f"{TEAM}:3:{'0' * 64}"
    sound = await asyncio.to_thread(verified, str(path), *told.heads)
    unknown = await asyncio.to_thread(verified, str(path), wrong)
    nothing = await asyncio.to_thread(verified)
    assert sound == (
        0,
        (
            f"sound\nanchor {told.heads[0]} proves events 3 to 5\n"
            "events that no anchor proves: 1 of 4\n"
        ),
    )
    assert unknown == (1, f"anchor {wrong}: {NO_EVENT}\n")
    assert nothing[0] == 2


async def test_a_rewritten_pack_does_not_match_the_anchor(sqlite_store, migrated_sqlite, tmp_path):
    await stored(sqlite_store)
    (anchor,) = (await packed(sqlite_store, tmp_path / "true.zip")).heads
    shutil.copy(migrated_sqlite, tmp_path / "other.db")
    other = Database(f"sqlite:///{tmp_path}/other.db")
    async with other.write() as session:
        await record(session, event(AuditTag.PREVIEW_REFUSED, None))
    await packed(other, tmp_path / "forged.zip", since=NOON)
    await other.close()
    assert list(faults(tmp_path / "true.zip", (anchor,))) == []
    assert list(faults(tmp_path / "forged.zip")) == []
    told = list(faults(tmp_path / "forged.zip", (anchor,)))
    assert told == [f"anchor {anchor}: {NO_EVENT}"]


def written_anew(path: Path, change: Callable[[bytes], bytes], out: Path) -> Path:
    """Change the events of a pack, and write a pack with matching digests."""
    with zipfile.ZipFile(path) as pack, zipfile.ZipFile(out, "w") as forged:
        manifest = json.loads(pack.read(MANIFEST))
        for name in manifest["files"]:
            content = change(pack.read(name)) if name == EVENTS else pack.read(name)
            manifest["files"][name] = hashlib.sha256(content).hexdigest()
            forged.writestr(name, content)
        forged.writestr(MANIFEST, json.dumps(manifest))
        forged.comment = b"0" * DIGEST_LENGTH
    content = out.read_bytes()[:-DIGEST_LENGTH]
    out.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    return out


def by_another(events: bytes) -> bytes:
    """Attribute the same events to another person, with matching hashes and links."""
    told, last = [], {"seq": 0, "hash": ""}
    for line in events.splitlines():
        each = json.loads(line) | {"actor": "U0FORGER0"}
        if each["seq"] == last["seq"] + 1:
            each["previous"] = last["hash"]
        covered = {name: each[name] for name in COVERED}
        text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
        last = each | {"hash": hashlib.sha256(text.encode()).hexdigest()}
        told.append(json.dumps(last).encode() + b"\n")
    return b"".join(told)


async def test_a_head_that_is_not_a_packed_event_proves_nothing(sqlite_store, tmp_path):
    await stored(sqlite_store)
    (head,) = (await packed(sqlite_store, tmp_path / "true.zip")).heads
    forged = written_anew(tmp_path / "true.zip", by_another, tmp_path / "forged.zip")
    assert list(faults(forged)) == []
    assert list(faults(forged, (head,))) == [f"anchor {head}: {NO_EVENT}"]


async def test_an_anchor_proves_the_gapless_events_up_to_it(sqlite_store, tmp_path):
    """A call's events are not consecutive: those before a gap may belong to any other chain."""
    await stored(sqlite_store)
    (head,) = (await packed(sqlite_store, tmp_path / "true.zip")).heads

    def first_by_another(events: bytes) -> bytes:
        first, *others = events.splitlines(keepends=True)
        return by_another(first) + b"".join(others)

    proved: list[str] = []
    forged = written_anew(tmp_path / "true.zip", first_by_another, tmp_path / "forged.zip")
    assert list(faults(forged, (head,), proved.append)) == []
    assert proved == [f"anchor {head} proves events 3 to 5", "events that no anchor proves: 1 of 4"]


async def test_two_anchors_count_each_event_once(sqlite_store, tmp_path):
    await stored(sqlite_store)
    (head,) = (await packed(sqlite_store, tmp_path / "pack.zip", since=NOON)).heads
    third = json.loads(content(tmp_path / "pack.zip", EVENTS).splitlines()[2])
    anchor = f"{TEAM}:3:{third['hash']}"
    proved: list[str] = []
    assert list(faults(tmp_path / "pack.zip", (head, anchor), proved.append)) == []
    assert proved == [
        f"anchor {anchor} proves events 1 to 3",
        f"anchor {head} proves events 1 to 5",
        "events that no anchor proves: 0 of 5",
    ]


@pytest.mark.parametrize(
    ("forged", "finding"),
    [
        pytest.param(
            b'{"actor": "U0FORGER0", ',
            "the pack: it cannot be read (ValueError)",
            id="a name twice, of which other readers may take the first",
        ),
        pytest.param(
            b'{"asked_by": "U0FORGER0", ',
            f"event {TEAM}:1: it has other fields than its hash covers",
            id="a name that no hash covers",
        ),
    ],
)
async def test_changes_of_content_without_a_hash_are_found(
    sqlite_store, tmp_path, capsys, forged, finding
):
    await stored(sqlite_store)
    await packed(sqlite_store, tmp_path / "true.zip")
    out = tmp_path / "forged.zip"
    written_anew(tmp_path / "true.zip", lambda events: events.replace(b"{", forged, 1), out)
    assert main([str(out)]) == 1
    assert capsys.readouterr().out == f"{finding}\n"


async def test_an_existing_pack_is_not_overwritten(sqlite_store, tmp_path):
    (tmp_path / "pack.zip").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        await packed(sqlite_store, tmp_path / "pack.zip")
    assert (tmp_path / "pack.zip").read_bytes() == b"kept"


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.long)])
async def test_many_events_are_packed_in_constant_memory(sqlite_store, tmp_path, count):
    async with sqlite_store.write() as session:
        head = await locked_head(session, TEAM)
        for _ in range(count // 500):
            part = (event(AuditTag.PREVIEW_REFUSED, None, code="x") for _ in range(500))
            head = await append(session, head, part)
    tracemalloc.start()
    told = await packed(sqlite_store, tmp_path / "pack.zip", since=NOON)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told.events == count
    assert peak < 40 * 2**20
    assert list(faults(tmp_path / "pack.zip", told.heads)) == []
