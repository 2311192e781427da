"""What an unusable value of an option is answered with, for every command: always with 2."""

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import COMPLETE
from tests.tables import each_row

TEAM, ALICE, GROUP = "T0CALLAUDIO", "U0ALICE00", "S0QUALITY"
WHO = ("--team", TEAM, "--user", ALICE)
ADD = ("grants", "add", *WHO, "--reason", "call quality")
DENY = ("grants", "deny", *WHO, "--reason", "call quality")
REVOKE = ("grants", "revoke", *WHO)
DIGEST = (
    *("digests", "add", "--team", TEAM, "--channel", "C0QUALITY0", "--owner", "U0BOSS000"),
    *("--at", "09:00", "--zone", "Europe/London", "--yes"),
)
SEAL = ("audit", "seal", "--team", TEAM, "--before", "2020-01-01")
COPY_MEMBER_ID = "is not a user id (U…). In Slack: the person's profile → ⋮ → Copy member ID."

# The last value of a repeated option counts.
IDS = [
    (command, option, typed, says)
    for command in (ADD, DENY, REVOKE)
    for option, typed, says in [
        ("--team", "acme", "is not a workspace id (T…). `callaudio doctor --all` shows it."),
        ("--team", ALICE, "is not a workspace id"),
        ("--team", "T…", "is not a workspace id"),
        *(("--user", typed, COPY_MEMBER_ID) for typed in ("alice", "@U0ALICE00", GROUP, "")),
        ("--group", "quality", "is not a user group id (S…)."),
        ("--group", ALICE, "is not a user group id"),
    ]
] + [
    (("grants", "list"), "--team", "acme", "is not a workspace id"),
    (("digests", "list"), "--team", "acme", "is not a workspace id"),
    (SEAL, "--team", "acme", "is not a workspace id"),
    (DIGEST, "--team", "acme", "is not a workspace id"),
    (DIGEST, "--channel", "#quality", "is not a channel id (C…)."),
    (DIGEST, "--owner", "boss", COPY_MEMBER_ID),
]  # fmt: skip
OTHERS = [
    *(
        (ADD, "--for", typed, "30m, 8h or 3d")
        for typed in ("3weeks", "8", "h", "0h", "-1h", "8 hours", "1.5h", "3651d", "9999999d", "")
    ),
    *((each, "--right", "everything", "pii") for each in (ADD, DENY, REVOKE)),
    *((each, "--reason", typed, "empty") for each in (ADD, DENY) for typed in ("", "  ")),
    (("canary", "thaw"), "--reason", " ", "empty"),
    (DIGEST, "--at", "* * * * *", "every 15 minutes"),
    (DIGEST, "--at", "soon", "`soon`"),
    (DIGEST, "--at", "0 0 30 2 *", "never"),
    (DIGEST, "--zone", "Mars/Olympus", "`Mars/Olympus`"),
    (DIGEST, "--zone", "Europe/Lodnon", "Did you mean `Europe/London`?"),
    (DIGEST, "--kind", "weather", "weather"),
    (DIGEST, "--agent", "sales", "default"),
    (("audit", "list"), "--since", "yesterday", "`yesterday` is not a date; write 2026-06-03"),
    (("audit", "list"), "--limit", "0", "equal to 1"),
    (("audit", "export"), "--format", "xml", "xml"),
    *(
        (("audit", "verify"), "--anchor", typed, f"`{typed}` does not read T…:number:hash.")
        for typed in ("", "T0:1", f"T0:x:{'0' * 64}", "T0:1:short")
    ),
    (SEAL, "--before", "2999-01-01", "future"),
    (SEAL, "--before", "0001-01-01T00:00+14:00", "is not a date"),
    (("evidence",), "--until", "tomorrow", "`tomorrow` is not a date"),
    (("check-redaction", "CA123"), "--span", "0:10-0:05", "a span ends after it begins"),
    (("check-redaction", "CA123"), "--direction", "left", "left"),
    (("demo", "--once"), "--port", "99999", "65535"),
    (("demo", "--once"), "--folder", __file__, "is a file"),
]
CONVERSATIONS = [
    (command, name, typed)
    for command, name in (
        (("check-redaction", "{}"), "CONVERSATION"),
        (("doctor", "--conversation={}"), "--conversation"),
    )
    for typed in ("a/b", "+1 555 0100 123", "sales:CA123")
]


@pytest.fixture
def with_settings(empty_environment):
    for name, value in COMPLETE.items():
        empty_environment.setenv(name, value)


@pytest.fixture
def refused(run, sqlite_url):
    """Run a command that has to end with 2, say certain words, and change nothing."""

    def run_refused(*arguments: str, says: tuple[str, ...]) -> None:
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert [each for each in says if each not in result.stderr] == []
        assert "Traceback" not in result.output
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as store:
            assert store.execute("SELECT count(*) FROM audit_events").fetchone() == (0,)

    return run_refused


@pytest.mark.usefixtures("with_settings")
@each_row(("command", "option", "typed", "says"), IDS)
def test_an_id_of_another_form_is_named_with_its_option_and_where_to_find_one(
    refused, command, option, typed, says
):
    refused(*command, f"{option}={typed}", says=(f"{option}: `{typed}` {says}",))


@pytest.mark.usefixtures("with_settings")
@each_row(("command", "option", "typed", "says"), OTHERS)
def test_every_other_unusable_value_is_named_with_its_option(refused, command, option, typed, says):
    refused(*command, f"{option}={typed}", says=(option, says))


@pytest.mark.usefixtures("with_settings", "logging_as_it_was")
@each_row(("command", "name", "typed"), CONVERSATIONS)
def test_a_conversation_that_cannot_be_read_is_bad_usage(refused, command, name, typed):
    refused(*(each.format(typed) for each in command), says=(f"{name}: ",))
