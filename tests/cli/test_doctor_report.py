"""What `doctor` prints: what has to be done first, and nothing cut or broken that is pasted."""

import pytest

from bot.cli.checks.finding import Finding, Status, unchecked
from bot.cli.doctor_report import report

GRANT = 'callaudio grants add --team T0CALLAUDIO --user U0ALICE00 --reason "call quality review"'
INVITE = "Type `/invite @callaudio` in the private channel that recordings should go to."
FINDINGS = [
    Finding("proxy", Status.SET, "none: HTTPS_PROXY is not set"),
    Finding("database", Status.OK, "answers"),
    Finding("conversations", Status.SET, "the bot is in no channel yet", INVITE),
    Finding(
        "Slack", Status.WRONG, "Slack does not accept the bot's token.", "Install the app again."
    ),
    unchecked("scopes", "Slack"),
    Finding("who may hear raw", Status.SET, "nobody yet", GRANT),
    unchecked("clock", "Slack"),
    Finding("messages", Status.OK, "Slack takes one of each", is_always_shown=True),
    Finding("audience rule", Status.SET, "cleared, at most 500", is_always_shown=True),
]
SHOWN = f"""\
[wrong] Slack: Slack does not accept the bot's token.
Fix: Install the app again.

[to set up] conversations: the bot is in no channel yet
To do: {INVITE}

[to set up] who may hear raw: nobody yet
{GRANT}

[ok] messages: Slack takes one of each

[info] audience rule: cleared, at most 500

[not checked] scopes, clock: can be checked after: Slack

"""
NEXT = "\n\nFix this first: Slack. Install the app again."


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        pytest.param(
            [("a", Status.SET, "later"), ("b", Status.WRONG, "now"), ("c", Status.WRONG, "then")],
            "Fix this first: b. now",
            id="the first that is wrong",
        ),
        pytest.param(
            [("a", Status.OK, ""), ("b", Status.SET, ""), ("c", Status.SET, "do it")],
            "Next: c. do it",
            id="an item that is not set up yet",
        ),
        pytest.param([("a", Status.OK, "")], "Everything is set up.", id="nothing"),
    ],
)
def test_the_last_line_is_the_next_step(findings, told):
    given = [Finding(what, state, "says", fix) for what, state, fix in findings]
    lines = report(given, width=None, shows_all=False).splitlines()
    assert lines[-1].startswith(told)


def test_faults_come_first_and_what_is_in_order_is_one_line():
    told = report(FINDINGS, width=None, shows_all=False)
    rest = "2 checks found no fault: `callaudio doctor --all` lists them."
    assert told == f"{SHOWN}{rest}{NEXT}"


def test_with_all_every_finding_is_listed():
    told = report(FINDINGS, width=None, shows_all=True)
    rest = "[info] proxy: none: HTTPS_PROXY is not set\n[ok] database: answers"
    assert told == f"{SHOWN}{rest}{NEXT}"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_lines_break_between_words_and_what_is_pasted_is_never_broken(width):
    to_grant = Finding("who may hear raw", Status.SET, "nobody yet", GRANT)
    told = report([to_grant, *FINDINGS[:3]], width=width, shows_all=True)
    lines = told.splitlines()
    assert [each for each in lines if len(each) > width and each != GRANT] == []
    assert lines.count(GRANT) >= 1
    assert any("`/invite @callaudio`" in each for each in lines)
    assert f"To do: {INVITE}" in told.replace("\n", " ")
    assert " ".join(told.split()).endswith(f"Next: who may hear raw. {GRANT}")


def test_text_of_others_cannot_control_the_terminal():
    told = report(
        [Finding("Slack", Status.WRONG, "says \x1b]0;owned\x07\n[ok] forged", "Do\x1b[2J it.")],
        width=80,
        shows_all=False,
    )
    assert "\x1b" not in told
    assert "\n[ok] forged" not in told
