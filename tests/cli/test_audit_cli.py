"""`callaudio audit`: listed, exported, proven and sealed from the machine the bot runs on."""

import asyncio
import csv
import io
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from click.testing import Result

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.cli.app import build_cli
from bot.store.database import Database
from tests.cli.conftest import Run
from tests.recordings.deliveries.rows import delivery_row
from tests.tables import each_row

TEAM, ALICE, BOB, BOSS = "T0QUALITY0", "U0ALICE", "U0BOB", "U0BOSS"
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
SECRET = "https://hooks.slack.invalid/commands/1/a-way-to-answer"

# Who did what about whom, hour after hour: actor, subject, delivery.
EVENTS = ((BOSS, ALICE, None), (ALICE, None, "d1"), (BOB, None, "d2"), (BOSS, BOB, None))


@pytest.fixture
def audit(run: Run, sqlite_url: str) -> Run:
    """`callaudio audit` on a store with four events in it, one an hour."""
    asyncio.run(fill(sqlite_url))
    return partial(run, "audit")


async def fill(url: str) -> None:
    database = Database(url)
    async with database.write() as session:
        for number, user_id in enumerate((ALICE, BOB), 1):
            ids = {"team_id": TEAM, "user_id": user_id, "conversation_id": f"CA{number}"}
            more = {"response_url": SECRET, "state": "requested"}
            session.add(delivery_row(f"d{number}", "C0", **ids, **more))
    for hour, (actor_id, subject_id, delivery_id) in enumerate(EVENTS):
        event = AuditEvent(
            tag=AuditTag.DELIVERY_REQUESTED if delivery_id else AuditTag.ADMIN_REFUSED,
            team_id=TEAM,
            actor_id=actor_id,
            occurred_at=NOON + timedelta(hours=hour),
            delivery_id=delivery_id,
            payload={"subject_id": subject_id} if subject_id else {},
        )
        async with database.write() as session:
            await record(session, event)
    await database.close()


def tamper(url: str, statement: str) -> None:
    """Edit as a careful attacker would, who restores the triggers."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as store, store:
        triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        found = store.execute(triggers).fetchall()
        for name, _ in found:
            store.execute(f"DROP TRIGGER {name}")
        store.execute(statement)
        for _, create in found:
            store.execute(create)


UNREADABLE = {
    "no JSON": "payload = '{'",
    "no text": "payload = x'00'",
    "too deep": f"payload = '{'[' * 100_000}'",
    "no time": "occurred_at = 'yesterday'",
}


@pytest.mark.parametrize("command", ["list", "export"])
@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_event_is_reported_with_the_command_that_names_it(
    audit, sqlite_url, command, change
):
    tamper(sqlite_url, f"UPDATE audit_events SET {change} WHERE seq = 3")

    result = audit(command)

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "callaudio audit verify" in result.stderr


FILTERS: list[tuple[Sequence[str], list[int]]] = [
    ((), [1, 2, 3, 4]),
    (("--since", "2026-06-03T13:00:00"), [2, 3, 4]),
    (("--until", "2026-06-03T13:00:00"), [1]),
    (("--until", "2026-06-03T22:00:00+09:00"), [1]),
    (("--since", "2026-06-03T13:00:00", "--until", "2026-06-03T15:00:00"), [2, 3]),
    (("--user", BOSS), [1, 4]),
    (("--user", ALICE), [1, 2]),
    (("--delivery", "d1"), [2]),
    (("--conversation", "CA2"), [3]),
    (("--conversation", "CA2", "--user", ALICE), []),
]


@each_row(("arguments", "expected"), FILTERS)
def test_each_filter_selects_the_same_events_in_the_list_and_in_both_exports(
    audit, arguments, expected
):
    listed = audit("list", "--json", *arguments)
    lines = audit("export", *arguments)
    table = audit("export", "--format", "csv", *arguments)

    assert [each.exit_code for each in (listed, lines, table)] == [0, 0, 0]
    assert [row["seq"] for row in json.loads(listed.stdout)] == expected
    assert [row["seq"] for row in exported(lines)] == expected
    assert [int(row["seq"]) for row in csv.DictReader(io.StringIO(table.stdout))] == expected


def exported(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_export_contains_everything_needed_to_verify_it_elsewhere(audit):
    rows = exported(audit("export"))

    assert [row["previous_hash"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    assert rows[0] == {
        **rows[0],
        "team": TEAM,
        "at": "2026-06-03T12:00:00.000000+00:00",
        "tag": "slack:admin:refused",
        "actor": BOSS,
        "payload": {"subject_id": ALICE},
        "version": 1,
        "previous_hash": "0" * 64,
    }


def test_the_list_is_a_table_of_the_newest_events(audit):
    result = audit("list", "--limit", "2")

    assert "slack:delivery:requested" in result.stdout
    assert BOB in result.stdout
    assert "12:00:00" not in result.stdout


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("export",), ("verify",)])
def test_nothing_secret_is_printed(audit, command):
    result = audit(*command)

    assert result.exit_code == 0
    assert "hooks.slack" not in result.output


def test_verify_of_an_untouched_chain_exits_with_0_and_shows_its_head(audit):
    result = audit("verify")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"head {TEAM}:4:")


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE audit_events SET actor_id = 'U0OTHER' WHERE seq = 3", f"{TEAM} 3 altered"),
        ("DELETE FROM audit_events WHERE seq = 1", f"{TEAM} 1 removed"),
        ("DELETE FROM audit_events WHERE seq = 4", f"{TEAM} 3 tail_removed"),
    ],
)
def test_verify_of_a_changed_chain_exits_with_1_and_names_the_place(
    audit, sqlite_url, statement, place
):
    tamper(sqlite_url, statement)

    told, as_json = audit("verify"), audit("verify", "--json")

    assert (told.exit_code, as_json.exit_code) == (1, 1)
    assert place in told.stdout
    fault, *_ = json.loads(as_json.stdout)["faults"]
    assert f"{fault['team']} {fault['seq']} {fault['fault']}" == place


def test_each_anchor_written_down_earlier_proves_that_the_chain_was_not_rewritten(audit):
    (head,) = json.loads(audit("verify", "--json").stdout)["heads"]
    other = head[:-1] + ("0" if head[-1] != "0" else "1")

    for same in (head, head[:-64] + head[-64:].upper()):
        assert audit("verify", "--anchor", same).exit_code == 0
    for anchors in (("--anchor", head, "--anchor", other), ("--anchor", other, "--anchor", head)):
        broken = audit("verify", *anchors)
        assert broken.exit_code == 1
        assert f"{TEAM} 4 anchor_broken" in broken.stdout


def test_sealing_removes_older_events_and_the_rest_verifies(audit):
    sealed = audit("seal", "--team", TEAM, "--before", "2026-06-03T14:00:00")

    assert sealed.exit_code == 0
    assert sealed.stdout.startswith(f"Sealed; 2 events removed.\nanchor {TEAM}:5:")
    rows = exported(audit("export"))
    assert [row["seq"] for row in rows] == [3, 4, 5]
    assert (rows[-1]["tag"], rows[-1]["actor"]) == ("admin:audit:sealed", "cli:operator")


def test_after_sealing_the_new_anchor_proves_the_chain_and_an_older_one_does_not(audit):
    first, *_ = exported(audit("export"))
    sealed = audit("seal", "--team", TEAM, "--before", "2026-06-03T14:00:00")
    new = sealed.stdout.split()[-1]

    proven = audit("verify", "--anchor", new)
    assert proven.exit_code == 0
    told, head = proven.stdout.splitlines()
    assert told.startswith(f"sealed {TEAM}:2 at ")
    assert told.endswith(" by cli:operator")
    assert head == f"head {new}"

    overtaken = audit("verify", "--json", "--anchor", f"{TEAM}:1:{first['hash']}")
    assert overtaken.exit_code == 1
    told = json.loads(overtaken.stdout)
    assert [(each["seq"], each["fault"]) for each in told["faults"]] == [(1, "anchor_unprovable")]
    assert [(each["seq"], each["by"]) for each in told["seals"]] == [(2, "cli:operator")]


@each_row(
    ("before", "exit_code", "stdout", "stderr"),
    [
        ("2026-06-03T12:00:00", 0, "There are no older events; nothing was sealed.\n", ""),
        ("9999-01-01", 2, "", "--before is in the future.\n"),
    ],
)
def test_without_older_events_or_with_a_date_in_the_future_nothing_is_sealed(
    audit, before, exit_code, stdout, stderr
):
    sealed = audit("seal", "--team", TEAM, "--before", before)

    assert (sealed.exit_code, sealed.stdout, sealed.stderr) == (exit_code, stdout, stderr)
    assert [row["seq"] for row in exported(audit("export"))] == [1, 2, 3, 4]


def test_a_missing_trigger_is_named(audit, sqlite_url):
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as store, store:
        store.execute("DROP TRIGGER audit_events_no_update")

    told, as_json = audit("verify"), audit("verify", "--json")

    assert (told.exit_code, as_json.exit_code) == (1, 1)
    assert "- - trigger_missing: the trigger audit_events_no_update" in told.stdout
    (fault,) = json.loads(as_json.stdout)["faults"]
    assert (fault["team"], fault["seq"], fault["fault"]) == ("-", None, "trigger_missing")


def test_an_empty_chain_verifies_and_is_called_empty(run):
    told = run("audit", "verify")
    assert told.exit_code == 0
    assert told.stdout == "The chain is empty: nothing has been recorded yet.\n"


def test_control_characters_are_escaped(audit, sqlite_url):
    tamper(sqlite_url, "UPDATE audit_events SET tag = char(27) || '[2J' WHERE seq = 3")

    result = audit("verify")

    assert result.exit_code == 1
    assert f"{TEAM} 3 altered: event 3 ('\\x1b[2J') does not match its hash" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "is_terminal", "is_shown"),
    [
        (("verify",), True, True),
        (("verify", "--json"), True, False),
        (("verify",), False, False),
        (("verify", "--json"), False, False),
    ],
)
def test_a_progress_bar_is_shown_on_a_terminal_only(
    audit, monkeypatch, capsys, arguments, is_terminal, is_shown
):
    del audit  # for its store
    ours, theirs = os.openpty() if is_terminal else os.pipe()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(theirs, "w", encoding="utf-8") as told, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", told)
        build_cli(["audit"])(["audit", *arguments], standalone_mode=False)
        told.write("the end")
        told.flush()
        shown = ""
        while not shown.endswith("the end"):  # a terminal gives no more than 4 KiB at a time
            shown += os.read(ours, 100_000).decode()
    os.close(ours)

    assert ("events" in shown and "100%" in shown) == is_shown
    assert is_shown or shown == "the end"
    assert "100%" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stored", "cell"),
    [
        pytest.param("char(27) || '[2J'", "\\x1b[2J", id="a control sequence of terminals"),
        pytest.param("'a' || char(10) || 'b'", "a\\nb", id="a line break"),
        pytest.param("'a' || char(155) || 'b'", "a\\x9bb", id="a control character of eight bits"),
        pytest.param("'a' || char(8238) || 'b'", "a\\u202eb", id="one that turns text around"),
    ],
)
def test_a_cell_of_the_export_holds_no_control_character(audit, sqlite_url, stored, cell):
    tamper(sqlite_url, f"UPDATE audit_events SET actor_id = {stored} WHERE seq = 2")

    table = audit("export", "--format", "csv")

    rows = {int(row["seq"]): row for row in csv.DictReader(io.StringIO(table.stdout))}
    assert rows[2]["actor"] == cell
    shown = table.stdout.replace("\r\n", "").replace("\n", "")
    assert [each for each in shown if not each.isprintable()] == []
