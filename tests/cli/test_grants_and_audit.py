"""`callaudio grants` and `callaudio audit`: rights from the machine the bot runs on."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.recordings.deliveries.rows import delivery_row
from tests.tables import each_row

TEAM, ALICE, GROUP = "T0CALLAUDIO", "U0ALICE00", "S0QUALITY"
WHO = ("--team", TEAM, "--user", ALICE)
WHY = ("--reason", "call quality")


def listed(run, *arguments):
    result = run("grants", "list", "--json", *arguments)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_grant_is_given_listed_and_audited(run):
    given = run("grants", "add", *WHO, *WHY)
    assert (given.exit_code, given.stdout) == (
        0,
        f"grant 1: pii for {ALICE} in workspace {TEAM}, no end.\n",
    )
    (grant,) = listed(run)
    assert grant.pop("starts_at").endswith("+00:00")
    assert grant == {
        "id": 1,
        "team": TEAM,
        "subject": ALICE,
        "right": "pii",
        "effect": "grant",
        "given_by": "cli:operator",
        "reason": "call quality",
        "expires_at": None,
        "revoked_by": None,
        "revoked_at": None,
    }
    (event,) = json.loads(run("audit", "list", "--json").stdout)
    assert (event["tag"], event["actor"]) == ("admin:grant:added", "cli:operator")
    assert event["payload"]["subject_id"] == ALICE


@pytest.mark.parametrize(
    ("typed", "length"),
    [("30m", timedelta(minutes=30)), ("8h", timedelta(hours=8)), ("3d", timedelta(days=3))],
)
def test_a_grant_may_have_an_expiry(run, typed, length):
    before = datetime.now(UTC)
    assert run("grants", "add", *WHO, *WHY, "--for", typed).exit_code == 0
    (grant,) = listed(run)
    end = datetime.fromisoformat(grant["expires_at"])
    assert timedelta(seconds=-1) <= end - before - length <= timedelta(seconds=30)


def test_a_deny_is_listed_until_it_is_revoked(run):
    assert run("grants", "deny", *WHO, *WHY).exit_code == 0
    assert [grant["effect"] for grant in listed(run)] == ["deny"]
    run("grants", "add", *WHO, *WHY)
    revoked = run("grants", "revoke", *WHO)
    assert (revoked.exit_code, revoked.stdout) == (0, "Revoked: 2.\n")
    assert listed(run) == []
    assert [grant["revoked_by"] for grant in listed(run, "--ended")] == ["cli:operator"] * 2


def test_revoking_without_a_grant_is_reported_and_exits_with_1(run):
    run("grants", "add", *WHO, *WHY, "--right", "admin")
    result = run("grants", "revoke", *WHO)
    assert result.exit_code == 1
    assert "nothing to revoke" in result.stderr
    assert "Traceback" not in result.output


def test_a_group_may_be_named_instead_of_a_user(run):
    assert run("grants", "deny", "--team", TEAM, "--group", GROUP, *WHY).exit_code == 0
    assert [grant["subject"] for grant in listed(run, "--team", TEAM)] == [GROUP]
    assert listed(run, "--team", "T0OTHERTEAM") == []


@each_row("command", ["add", "deny", "revoke"])
@each_row(
    "who",
    [
        pytest.param(("--team", TEAM), id="nobody named"),
        pytest.param(("--team", TEAM, "--user", ALICE, "--group", GROUP), id="both named"),
        pytest.param(("--user", ALICE), id="no team"),
    ],
)
def test_bad_usage_changes_nothing_and_is_reported(run, command, who):
    result = run("grants", command, *who, *(() if command == "revoke" else WHY))
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.output
    assert listed(run, "--ended") == []


@each_row("command", ["add", "deny"])
def test_a_reason_must_be_given(run, command):
    result = run("grants", command, *WHO)
    assert result.exit_code == 2
    assert "--reason" in result.stderr
    assert listed(run, "--ended") == []


@pytest.mark.parametrize("width", ["80", "300"])
def test_without_options_the_help_ends_with_a_line_to_paste(run, empty_environment, width):
    empty_environment.setenv("COLUMNS", width)
    result = run("grants", "add")
    *_, doctor, _, line = result.output.rstrip().splitlines()
    assert result.exit_code == 2
    assert doctor.strip() == (
        "For the first right `callaudio doctor` prints this line with your ids:"
    )
    assert line.strip() == (
        'callaudio grants add --team T… --user U… --reason "call quality review"'
    )


async def test_a_right_in_a_workspace_where_nobody_uses_the_bot_is_given_with_a_warning(
    run, sqlite_store
):
    async def added(team, *options):
        # Commands run an event loop of their own.
        return await asyncio.to_thread(run, "grants", *options, *WHY, "--team", team)

    first = await added(TEAM, "add", "--user", ALICE)
    async with sqlite_store.write() as session:
        session.add(delivery_row("d1", "C0QUALITY0", team_id=TEAM, user_id=ALICE))
    usual = await added(TEAM, "deny", "--group", GROUP)
    mistyped = await added("T0CALLAUDOI", "deny", "--user", ALICE)

    assert [each.exit_code for each in (first, usual, mistyped)] == [0, 0, 0]
    assert [each.stderr for each in (first, usual)] == ["", ""]
    assert mistyped.stderr == (
        "In workspace T0CALLAUDOI nobody has requested a recording yet, only in T0CALLAUDIO.\n"
        "If the id is wrong, run `callaudio grants revoke --team T0CALLAUDOI --user U0ALICE00 "
        "--right pii`, and repeat this command with the right id.\n"
    )


def test_lists_are_printed_as_tables(run, empty_environment):
    run("grants", "add", *WHO, "--reason", "[red]quality[/red]")
    table = run("grants", "list").stdout
    for shown in ("subject", ALICE, "cli:operator", "[red]quality[/red]"):
        assert shown in table
    assert "CALLAUDIO_ADMINS" not in table
    empty_environment.setenv("CALLAUDIO_ADMINS", "U0BOSS000")
    assert "without a grant: U0BOSS000" in run("grants", "list").stdout
    events = run("audit", "list").stdout
    assert "admin:grant:added" in events
    assert '"subject_id": "U0ALICE00"' in events


ADMIN = ("--right", "admin")


def refused(run):
    events = json.loads(run("audit", "list", "--json").stdout)
    return [
        (event["actor"], event["payload"]["action"], event["payload"]["code"])
        for event in events
        if event["tag"] == "admin:grant:refused"
    ]


@pytest.mark.parametrize("command", ["deny", "revoke"])
def test_the_command_line_cannot_remove_the_last_admin_either(run, command):
    run("grants", "add", *WHO, *WHY, *ADMIN)
    run("grants", "add", "--team", TEAM, "--user", "U0BOB0000", *WHY, *ADMIN, "--for", "1m")
    change = ("grants", command, *WHO, *ADMIN, *(WHY if command == "deny" else ()))

    result = run(*change)

    assert result.exit_code == 1
    assert "That would leave no admin." in result.stderr
    assert refused(run) == [("cli:operator", command, "last_admin")]
    assert len(listed(run)) == 2
    run("grants", "add", "--team", TEAM, "--user", "U0BOB0000", *WHY, *ADMIN)
    assert run(*change).exit_code == 0


@pytest.mark.parametrize(("first", "exit_code"), [("U0CAROL00", 0), (ALICE, 1), ("", 1)])
def test_a_person_named_in_the_settings_counts_as_an_admin(
    run, empty_environment, first, exit_code
):
    empty_environment.setenv("CALLAUDIO_ADMINS", first)
    run("grants", "add", *WHO, *WHY, *ADMIN)
    assert run("grants", "deny", *WHO, *WHY, *ADMIN).exit_code == exit_code


def test_an_invalid_admin_id_in_the_settings_is_reported_when_it_is_read(run, empty_environment):
    empty_environment.setenv("CALLAUDIO_ADMINS", "alice")
    assert run("grants", "deny", *WHO, *WHY).exit_code == 0
    result = run("grants", "deny", *WHO, *WHY, *ADMIN)
    assert result.exit_code == 2
    assert "CALLAUDIO_ADMINS holds 'alice'" in result.stderr
    assert len(listed(run)) == 1
    assert run("grants", "add", *WHO, *WHY, *ADMIN).exit_code == 0, "it takes no admin away"


def test_without_an_admin_rights_can_be_granted_and_denied(run):
    assert run("grants", "add", *WHO, *WHY).exit_code == 0
    assert run("grants", "deny", *WHO, *WHY, *ADMIN).exit_code == 0


def test_without_an_account_name_the_variable_to_set_is_named(run, monkeypatch):
    with monkeypatch.context() as nameless:
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            nameless.delenv(name, raising=False)
        nameless.setattr("os.getuid", lambda: 2**31 - 7)
        result = run("grants", "add", *WHO, *WHY)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "This account has no name; set LOGNAME." in result.stderr
    assert listed(run, "--ended") == []
