"""Every error that people see says what happened, why, and what to do, without blaming them."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache

import pytest

import bot
from bot.access.durations import parse_duration
from bot.digests.timetable_text import read_timetable
from bot.digests.zone_names import zone_of
from bot.errors import CallAudioError, UsageError, new_reference, quoted
from bot.slack.recordings.ack_texts import problem
from tests.tables import each_row

VICIOUS = "<!channel> `*x*` <https://phish.invalid|here> &lt;"
SAID_BY_WHAT = {
    "CallAudioError",
    "UsageError",
    # The cause is what was typed or chosen, or the rule that forbids it, and `what` names it.
    "AdminUsage",
    "AgentNotConfigured",
    "AgentNotWanted",
    "AlreadyDecided",
    "ConversationArchived",
    "DigestAgentUnknown",
    "DigestUsage",
    "ChangeRefused",
    "ChannelExternal",
    "HoursUnusable",
    "NeverDue",
    "NobodyToAsk",
    "NoRawKey",
    "NothingChosen",
    "NothingFrozen",
    "NothingToAskFor",
    "NothingToRevoke",
    "OwnRequest",
    "ReasonUnusable",
    "SelfGrantRefused",
    "TimetableUnclear",
    "TooOften",
    "ZoneUnknown",
    # Each refusal gets its own cause where it is raised.
    "WaveformRefused",
}
"""Errors that state no likely cause of their own, for a reason."""


def everything_below(kind: type[CallAudioError]) -> Iterator[type[CallAudioError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from everything_below(below)


@cache
def kinds() -> list[type[CallAudioError]]:
    for module in pkgutil.walk_packages(bot.__path__, "bot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {kind for kind in everything_below(CallAudioError) if kind.__module__[:4] == "bot."}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def name_of(kind: type[CallAudioError]) -> str:
    """Its name, with its package where two have the same."""
    alike = [other for other in kinds() if other.__name__ == kind.__name__]
    package = kind.__module__.split(".")[1]
    return kind.__name__ if len(alike) == 1 else f"{package}.{kind.__name__}"


@each_row("kind", kinds(), ids=name_of)
def test_an_error_says_what_happened_and_the_fix(kind):
    assert kind.what.strip()
    assert kind.fix.strip()
    assert kind.what.endswith((".", "`"))
    assert "://" not in f"{kind.what} {kind.likely_cause} {kind.fix}"
    assert re.fullmatch(r"[a-z_]{1,64}", kind.code)


@each_row("kind", kinds(), ids=name_of)
def test_an_error_names_its_cause_unless_it_is_obvious(kind):
    assert (not kind.likely_cause.strip()) == (name_of(kind) in SAID_BY_WHAT)


def test_every_exception_from_the_rule_names_an_existing_error():
    assert {name_of(kind) for kind in kinds()} >= SAID_BY_WHAT


def test_no_two_errors_share_a_code():
    codes = [kind.code for kind in kinds() if "code" in kind.__dict__]
    assert len(codes) == len(set(codes))


@each_row("kind", kinds(), ids=name_of)
def test_people_see_the_complete_error_with_its_reference(kind):
    told = problem(kind(), "e0123456789a")
    for words in (kind.what, kind.likely_cause, kind.fix, "Reference `e0123456789a`"):
        assert words in told


def test_two_references_differ():
    assert re.fullmatch(r"e[a-z]{11}", new_reference())
    assert new_reference() != new_reference()


def test_a_quotation_does_not_end_early_and_mentions_nobody():
    assert quoted(VICIOUS) == "`!channel *x* https://phish.invalid|here lt;`"
    assert quoted("x" * 61) == f"`{'x' * 60}`"


@each_row(
    ("typed", "shown"),
    [
        ("+447700900123", "`•••`"),
        ("digest +44 7700 900123 now", "`digest ••• now`"),
        ("4111-1111-1111-1111", "`•••`"),
        ("06 12 34 56 78", "`•••`"),
        ("x447700900123", "`x•••`"),
        ("x" * 55 + "447700900123", f"`{'x' * 55}•••`"),
        ("55,5 0,23 * * *", "`55,5 0,23 * * *`"),
        ("0 9 30 2 *", "`0 9 30 2 *`"),
        ("digest pause g12", "`digest pause g12`"),
    ],
)
def test_quoted_text_contains_no_phone_number(typed, shown):
    assert quoted(typed) == shown


@pytest.mark.parametrize(
    "read",
    [parse_duration, zone_of, lambda typed: read_timetable(typed, "UTC")],
    ids=["duration", "zone", "timetable"],
)
def test_an_unreadable_quotation_is_shown_without_markup(read):
    with pytest.raises(UsageError) as caught:
        read(VICIOUS)
    assert quoted(VICIOUS).lower() in caught.value.what.lower()
    told = (caught.value.what, caught.value.likely_cause, caught.value.fix)
    assert not any(sign in each for each in told for sign in "<>&")


@each_row("kind", kinds(), ids=name_of)
def test_a_fix_for_the_operator_does_not_say_to_ask_the_operator(kind):
    fix = kind().operator_fix
    assert "callaudio operator" not in fix
    assert bool(fix) == bool(kind().fix)
    assert fix[:1] == fix[:1].upper()
