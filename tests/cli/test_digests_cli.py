"""`callaudio digests`: schedules from the machine the bot runs on."""

import json
import sqlite3
from contextlib import closing

import pytest

TEAM, CHANNEL, BOSS = "T0CALLAUDIO", "C0QUALITY0", "U0BOSS000"
WHERE = ("--team", TEAM, "--channel", CHANNEL, "--owner", BOSS, "--zone", "Europe/London")


def listed(run, *arguments):
    result = run("digests", "list", "--json", *arguments)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def tags(run):
    return [event["tag"] for event in json.loads(run("audit", "list", "--json").stdout)]


def test_a_digest_is_shown_with_its_next_runs_before_it_is_saved(run):
    result = run("digests", "add", *WHERE, "--at", "09:00 mon-fri", "--yes")
    assert result.exit_code == 0
    first, *runs, last = result.stdout.splitlines()
    assert first == "At 09:00, Monday through Friday (Europe/London). It would come next:"
    assert [line[-9:-4] for line in runs] == ["09:00"] * 3
    (digest,) = listed(run)
    assert last == f"Saved as {digest['id']}."
    assert digest | {"id": "", "next": ""} == {
        "id": "",
        "team": TEAM,
        "kind": "calls",
        "channel": CHANNEL,
        "agent": "default",
        "timetable": "09:00 mon-fri",
        "zone": "Europe/London",
        "in_words": "At 09:00, Monday through Friday",
        "next": "",
        "paused": None,
        "owner": BOSS,
    }
    assert digest["next"] == runs[0].strip()
    assert tags(run) == ["admin:digest:added"]


def test_without_confirmation_nothing_is_saved(run):
    result = run("digests", "add", *WHERE, "--at", "09:00")  # standard input is empty
    assert result.exit_code == 1
    assert "It would come next" in result.stdout
    assert listed(run) == []


def test_json_output_is_one_array(run):
    result = run("digests", "add", *WHERE, "--at", "0 9 * * 1", "--yes", "--json")
    assert [row["in_words"] for row in json.loads(result.stdout)] == ["At 09:00, only on Monday"]


def test_a_digest_in_an_unknown_time_zone_hides_no_other(run, sqlite_url):
    for minute in ("00", "30"):
        run("digests", "add", *WHERE, "--at", f"09:{minute}", "--yes")
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as store, store:
        store.execute("UPDATE digests SET zone = 'Mars/Olympus' WHERE timetable = '09:00'")
    by_timetable = {each["timetable"]: each for each in listed(run)}
    assert by_timetable["09:00"]["in_words"] == "At 09:00"
    assert by_timetable["09:00"]["next"] == "never, as my machine does not know the time zone"
    assert " 09:30 " in by_timetable["09:30"]["next"]


def test_a_digest_is_removed_and_run(run):
    run("digests", "add", *WHERE, "--at", "09:00", "--kind", "access", "--yes")
    (digest,) = listed(run, "--team", TEAM)
    assert (digest["kind"], digest["agent"]) == ("access", None)
    asked = run("digests", "run", digest["id"])
    assert (asked.exit_code, asked.stdout) == (0, f"A worker posts {digest['id']} in {CHANNEL}.\n")
    removed = run("digests", "remove", digest["id"])
    assert (removed.exit_code, removed.stdout) == (0, f"Removed {digest['id']}.\n")
    assert listed(run) == []
    assert tags(run) == ["admin:digest:added", "admin:digest:asked", "admin:digest:removed"]


@pytest.mark.parametrize("verb", ["remove", "run"])
def test_an_unknown_digest_id_is_reported(run, verb):
    result = run("digests", verb, "g0")
    assert result.exit_code == 1
    assert "There is no such digest" in result.stderr
