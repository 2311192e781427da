"""What admins type after `/callaudio-admin`, how it is parsed, and how mistakes are answered."""
# ruff: noqa: RUF001 - quotes and dashes that look like others are what people type

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.grants import Effect, Right, SubjectKind
from bot.digests.digest import DigestKind
from bot.errors import UsageError
from bot.polyai.payloads import Direction
from bot.recordings.references.reference import Reference
from bot.recordings.references.typed_words import MAX_TYPED_CHARACTERS, TextTooLong
from bot.slack.admin.commands import (
    EXAMPLES,
    CheckRecording,
    Explain,
    Give,
    Help,
    ListAll,
    NamedSubject,
    Revoke,
    Who,
    parse_admin_command,
)
from bot.slack.digest_admin.commands import ChangeDigest, DigestVerb, ListDigests
from bot.slack.identifiers import ADMIN_COMMAND
from bot.slack.recordings.command_text import parse_command
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
ALICE = NamedSubject(SubjectKind.USER, "U0ALICE00")
TEAM = NamedSubject(SubjectKind.GROUP, "S0QUALITY0")
PII, ADMIN = Right.PII, Right.ADMIN


def grant(
    named: NamedSubject = ALICE, right: Right = PII, hours: int | None = None, why: str = "why"
) -> Give:
    return Give(Effect.GRANT, named, right, timedelta(hours=hours) if hours else None, why)


READ_AS = {
    "": Help(),
    "help": Help(),
    "Help?": Help(),
    "list": ListAll(),
    "List.": ListAll(),
    "who <@U0ALICE00|alice>": Who("U0ALICE00"),
    "who <@U0ALICE00>?": Who("U0ALICE00"),
    "revoke <@U0ALICE00> pii": Revoke(ALICE, PII),
    "revoke pii <!subteam^S0QUALITY0|@quality>": Revoke(TEAM, PII),
    "grant <@U0ALICE00> pii why": grant(),
    "grant <@U0ALICE00>, `PII`, why": grant(),
    "grant pii <@U0ALICE00> why": grant(),
    "grant <!subteam^S0QUALITY0> admin for 8h why": grant(TEAM, ADMIN, 8),
    "Grant <@U0ALICE00> pii For “8h” why": grant(hours=8),
    "\u200bgrant\u200b <@U0ALICE00> pi\u00adi why": grant(),
    "grant <@U0ALICE00> pii a, b; c&lt;d &amp;lt; — “e”  f": grant(why="a, b; c<d &lt; — “e” f"),
    "grant <@U0ALICE00> pii wh\x00y": grant(),
    "deny <@U0ALICE00> pii left": Give(Effect.DENY, ALICE, PII, None, "left"),
    f"explain {CALL} <@U0ALICE00> <#C0QUALITY0|q>": Explain(
        Reference(CALL), "U0ALICE00", "C0QUALITY0"
    ),
    f"explain “{CALL}”, <@U0ALICE00> C0QUALITY0.": Explain(
        Reference(CALL), "U0ALICE00", "C0QUALITY0"
    ),
    f"check {CALL}": CheckRecording(Reference(CALL)),
    f"check `{CALL}` Agent.": CheckRecording(Reference(CALL), Direction.AGENT),
    "digest list": ListDigests(),
    "digest pause `gabcdefghij`.": ChangeDigest(DigestVerb.PAUSE, "gabcdefghij"),
}


@each_row("typed", READ_AS)
def test_each_command_is_parsed_as_meant(typed):
    assert parse_admin_command(typed) == READ_AS[typed]


def test_the_asterisks_and_dashes_of_a_timetable_are_kept():
    cron = parse_admin_command("digest add access <#C0QUALITY0|q> 0 9 * * 1–5 Europe/London")
    assert (cron.kind, cron.timetable) == (DigestKind.ACCESS, "0 9 * * 1-5")


REFUSED = {
    "grnat <@U0ALICE00|alice> pii why": ("I do not know `grnat`.", "Did you mean `grant`?"),
    "xyzzy <!channel>": ("I do not know `xyzzy`.", ""),
    "grant": ("`grant` needs a person or a group, a right and a reason: `/callaudio-admin gr", ""),
    "grant <@U0ALICE00>": ("`grant` needs a person or a group, a right", ""),
    "grant <@U0ALICE00> pii": ("The reason is missing.", ""),
    "grant <@U0ALICE00> <!channel> why": ("I cannot tell who `!channel` is", ""),
    "deny": ("`deny` needs a person or a group, a right and a reason", ""),
    "revoke <@U0ALICE00>": ("`revoke` needs a person or a group, and a right", ""),
    "who": ("`who` needs a person: `/callaudio-admin who @user`", ""),
    "who <!subteam^S0QUALITY0>": ("takes a person, not a group", ""),
    "who @alice": ("I cannot tell who `@alice` is.", ""),
    "list all": ("`list` takes no arguments", ""),
    "explain": ("`explain` needs a conversation, a person and a channel", ""),
    f"explain {CALL} <@U0ALICE00> #quality": ("`#quality` is no channel.", ""),
    "explain 078-05-1120 <@U0ALICE00> C0QUALITY0": ("may be a personal number", "cut off"),
    "check": ("`check` needs a conversation, and may name a side: `/callaudio-admin check CA…", ""),
    f"check {CALL} supervisor": ("`check` needs a conversation, and may name a side", ""),
    "digest": ("I cannot read `digest`.", ""),
}


@each_row("typed", REFUSED)
def test_unreadable_input_is_answered_with_the_right_form(typed):
    what, cause = REFUSED[typed]
    with pytest.raises(UsageError) as refused:
        parse_admin_command(typed)
    assert what in refused.value.what
    assert cause in refused.value.likely_cause
    told = f"{refused.value.what} {refused.value.likely_cause} {refused.value.fix}"
    assert not set("<>&") & set(told), "nothing in it can become a mention, or an entity"
    assert "1120" not in told


@each_row(
    ("effect", "given"),
    [
        (Effect.GRANT, grant(hours=8, why="call quality review")),
        (Effect.DENY, Give(Effect.DENY, ALICE, PII, None, "left the project")),
    ],
)
def test_the_example_of_a_command_is_itself_a_command(effect, given):
    as_slack_sends_it = EXAMPLES[effect].replace("@ana", "<@U0ALICE00|ana>")
    command, _, text = as_slack_sends_it.partition(" ")
    assert (command, parse_admin_command(text)) == (ADMIN_COMMAND, given)


@each_row("effect", Effect)
@each_row("missing", ["", " <@U0ALICE00>", " <@U0ALICE00> pii", " <@U0ALICE00> call quality"])
def test_where_the_right_or_the_reason_is_missing_the_fix_is_an_example(effect, missing):
    with pytest.raises(UsageError) as refused:
        parse_admin_command(effect.value + missing)
    assert f"`{EXAMPLES[effect]}`" in refused.value.fix


@each_row("parse", [parse_command, parse_admin_command])
@each_row("part", ["<", "< ", "a<", "&lt;", "_*", "{", "\u200b", "id:"])
def test_text_longer_than_any_command_is_not_parsed(parse, part):
    assert callable(parse)
    with pytest.raises(TextTooLong):
        parse(part * MAX_TYPED_CHARACTERS * 2)


PIECES = st.sampled_from(
    ["grant", "deny", "revoke", "who", "explain", "digest", "add", " ", "<@U0ALICE00>", "pii",
     "for", "8h", "<", ">", "\x00", "&lt;", CALL, "<#C0QUALITY0|q>", "at", "09:00", "UTC"]
)  # fmt: skip


@given(st.text() | st.lists(PIECES | st.text(max_size=3)).map(" ".join))
def test_any_text_is_a_command_or_a_refusal(text):
    def described() -> str:
        try:
            return str(parse_admin_command(text))
        except UsageError as error:
            return re.sub("[<>&]", "\x00", error.what)

    assert "\x00" not in described()
