"""What may be typed after `/callaudio`, and what comes of everything else."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.polyai.payloads import Direction
from bot.recordings.reference import Reference
from bot.slack.recordings.commands import AskForHelp, AskForRecording, parse_command

CALL = "CA" + "0123456789abcdef" * 2
LINK = f"https://studio.eu.poly.ai/acme/PROJECT-1/conversations/{CALL}"
LINKED = Reference(CALL, region="eu", account="acme", project="PROJECT-1")


def asked(reference=None, *, channel=None, direction=Direction.COMBINED, redacted=False):
    return AskForRecording(reference or Reference(CALL), channel, direction, redacted)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "help", "HELP", " Help "])
def test_nothing_and_help_ask_for_help(text):
    assert parse_command(text) == AskForHelp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CALL, asked()),
        (f"  {CALL}\n", asked()),
        (f"`{CALL}`", asked()),
        (f"sales:{CALL}", asked(Reference(CALL, agent_name="sales"))),
        (LINK, asked(LINKED)),
        (f"<{LINK}>", asked(LINKED)),
        (f"<{LINK}|the call of this morning>", asked(LINKED)),
        (f"<{LINK}|the call> user", asked(LINKED, direction=Direction.USER)),
        (f"{CALL} <#C0QUALITY0|quality>", asked(channel="C0QUALITY0")),
        (f"{CALL} <#C0QUALITY0|>", asked(channel="C0QUALITY0")),
        (f"{CALL} <#C0QUALITY0>", asked(channel="C0QUALITY0")),
        (f"{CALL} C0QUALITY0", asked(channel="C0QUALITY0")),
        (f"{CALL} D0ALICE00", asked(channel="D0ALICE00")),
        (f"{CALL} G0PRIVATE0", asked(channel="G0PRIVATE0")),
        (f"{CALL}<#C0QUALITY0|quality>", asked(channel="C0QUALITY0")),
        (f"{CALL} user", asked(direction=Direction.USER)),
        (f"{CALL} AGENT", asked(direction=Direction.AGENT)),
        (f"{CALL} combined", asked()),
        (f"{CALL} Redacted", asked(redacted=True)),
        (f"{CALL} redacted redacted", asked(redacted=True)),
    ],
)
def test_what_is_understood(text, expected):
    assert parse_command(text) == expected


@pytest.mark.parametrize("words", list(permutations(["<#C0QUALITY0|q>", "agent", "redacted"])))
def test_the_words_after_the_reference_may_stand_in_any_order(words):
    expected = asked(channel="C0QUALITY0", direction=Direction.AGENT, redacted=True)
    assert parse_command(" ".join([CALL, *words])) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{CALL} loud", "I do not know the word `loud`."),
        (f"{CALL} user agent", "`agent` is one too many of its kind."),
        (f"{CALL} user USER", "`USER` is one too many of its kind."),
        (f"{CALL} C0QUALITY0 C0OTHER000", "`C0OTHER000` is one too many of its kind."),
        (f"{CALL} #quality", "I cannot tell which channel `#quality` is."),
        (f"{CALL} <@U0ALICE00>", "I do not know the word `&lt;@U0ALICE00&gt;`."),
        (f"{CALL} <!channel>", "I do not know the word `&lt;!channel&gt;`."),
        (f"{CALL} {CALL}", "I do not know the word"),
        (f"{CALL} `x`<y", "I do not know the word `x`."),
        (f"{CALL} " + "x" * 500, "I do not know the word `" + "x" * 60 + "`."),
    ],
)
def test_what_is_not_understood_is_shown_harmlessly(text, what):
    with pytest.raises(UsageError) as refused:
        parse_command(text)
    assert refused.value.what.startswith(what)
    assert refused.value.fix


def test_a_channel_typed_by_name_is_told_how_to_be_chosen():
    with pytest.raises(UsageError) as refused:
        parse_command(f"{CALL} #quality")
    assert "list that opens" in refused.value.fix


@pytest.mark.parametrize("text", ["<", "< >", "<>", "<@U0ALICE00>", "user", "../../v1", "<" * 99])
def test_what_names_no_conversation_is_refused_or_taken_for_an_opaque_id(text):
    if text == "user":  # any word may be an id
        assert parse_command(text) == asked(Reference("user"))
    else:
        with pytest.raises(UsageError):
            parse_command(text)


PIECES = st.sampled_from(
    ["<", ">", "|", "#", "`", " ", "\x00", "&lt;", CALL, LINK, "<#C0QUALITY0|q>", "user", "sales:"]
)


def outcome(text):
    try:
        return parse_command(text)
    except UsageError as error:
        return error


@given(st.text() | st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_any_text_is_a_value_or_a_refusal_in_words(text):
    result = outcome(text)
    if isinstance(result, UsageError):
        assert result.what
        assert "<" not in result.what
    else:
        assert isinstance(result, AskForHelp | AskForRecording)


KINDS = st.tuples(
    st.sampled_from(["", "C0QUALITY0", "<#G0PRIVATE0|>"]),
    st.sampled_from(["", "user", "Agent", "combined"]),
    st.sampled_from(["", "redacted"]),
)


@given(words=KINDS.flatmap(st.permutations), spaces=st.sampled_from([" ", "   ", "\t"]))
def test_order_and_spaces_never_matter(words, spaces):
    in_order = " ".join([CALL, *sorted(words)])
    assert parse_command(spaces.join([CALL, *words])) == parse_command(in_order)
