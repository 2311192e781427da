"""What people type after `/callaudio`, how it is parsed, and how mistakes are answered."""
# ruff: noqa: RUF001 - quotes, dashes and letters that look like others are what people type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.polyai.identifiers import is_machine_made, may_be_personal
from bot.polyai.payloads import Direction
from bot.recordings.references.reference import Reference
from bot.recordings.references.typed_words import MAX_TYPED_CHARACTERS
from bot.slack.recordings.command_text import AskForHelp, AskForRecording, parse_command
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
DIGITS = "CA" + "0123456789" * 3 + "01"
UUID = "0e0e0e0e-aaaa-bbbb-cccc-121212121212"
LINK = f"https://studio.eu.poly.ai/acme/PROJECT-1/conversations/{CALL}"
LINKED = Reference(CALL, region="eu", account="acme", project="PROJECT-1")
HERE = "C0QUALITY0"


def asked(reference=CALL, *, channel=None, direction=Direction.COMBINED, redacted=False):
    reference = Reference(reference) if isinstance(reference, str) else reference
    return AskForRecording(reference, channel, direction, redacted)


USER, AGENT = {"direction": Direction.USER}, {"direction": Direction.AGENT}
REDACTED = {"redacted": True}
SALES = Reference(CALL, agent_name="sales")

READ_AS = {
    # help
    "": AskForHelp(),
    "   \n\t": AskForHelp(),
    "help": AskForHelp(),
    " Help ": AskForHelp(),
    "help?": AskForHelp(),
    "HELP!": AskForHelp(),
    "¿help?": AskForHelp(),
    "“help”": AskForHelp(),
    "help me please": AskForHelp(),
    "/callaudio help": AskForHelp(),
    "?": AskForHelp(),
    "…": AskForHelp(),
    "\u200b": AskForHelp(),
    f"{CALL} help": AskForHelp(),
    # words in any order and case
    CALL: asked(),
    f"  {CALL}\n": asked(),
    f"redacted {CALL}": asked(**REDACTED),
    f"Redacted {DIGITS}": asked(DIGITS, **REDACTED),
    f"{CALL} Redacted.": asked(**REDACTED),
    f"user {CALL} redacted": asked(**USER, **REDACTED),
    f"caller {CALL}": asked(**USER),
    f"{CALL} caller side only": asked(**USER),
    f"{CALL} AGENT": asked(**AGENT),
    f"agent redacted {CALL} {HERE}": asked(channel=HERE, **AGENT, **REDACTED),
    f"{CALL} both sides": asked(),
    f"{CALL} combined both": asked(),
    f"{CALL} user caller USER": asked(**USER),
    f"{CALL} redacted redacted": asked(**REDACTED),
    f"{CALL} [redacted] [agent]": asked(**AGENT, **REDACTED),
    f"/callaudio {CALL} user": asked(**USER),
    # punctuation and separators
    f"{CALL}, redacted": asked(**REDACTED),
    f"{CALL},redacted;user": asked(**USER, **REDACTED),
    f"{CALL}.": asked(),
    f"({CALL})": asked(),
    f"[{CALL}] (redacted)": asked(**REDACTED),
    f"- {CALL}": asked(),
    f"{CALL} --redacted": asked(**REDACTED),
    f"{CALL} / redacted": asked(**REDACTED),
    f"{CALL}!!! 🙏": asked(),
    f"🎧 {CALL}": asked(),
    f"• {CALL}": asked(),
    # mrkdwn
    f"`{CALL}`": asked(),
    f"```{CALL}``` `agent`": asked(**AGENT),
    f"*_{CALL}_*": asked(),
    f"~{CALL}~ *redacted*": asked(**REDACTED),
    f"&lt;{CALL}&gt;": asked(),
    f"&gt; {CALL}": asked(),
    # quotes of several languages
    f"„{CALL}“": asked(),
    f"«{CALL}» «redacted»": asked(**REDACTED),
    f"‹ {CALL} ›": asked(),
    f"「{CALL}」": asked(),
    f"‚{CALL}‘ ’user’": asked(**USER),
    f"”{CALL}”": asked(),
    f'"{CALL}" "agent"': asked(**AGENT),
    f"´{CALL}´": asked(),
    # substitutions of phones and word processors
    f"{CALL} — redacted": asked(**REDACTED),
    f"{CALL} –redacted": asked(**REDACTED),
    f"Sales:{CALL}": asked(SALES),
    f"AS_CHAT_{UUID}".replace("-", "‑"): asked(f"AS_CHAT_{UUID}"),
    f"LOCAL–{UUID}".replace("-", "–"): asked(f"LOCAL-{UUID}"),
    f"OUT−{UUID}": asked(f"OUT-{UUID}"),
    f"{CALL}… user…": asked(**USER),
    # invisible characters
    f"\u2066{CALL}\u2069": asked(),
    f"\ufeff{CALL}\u200b redacted\u200d": asked(**REDACTED),
    f"{CALL[:9]}\u200b{CALL[9:]}": asked(),
    f"{CALL} re\u00addacted": asked(**REDACTED),
    f"{CALL}\u00a0redacted\u3000user": asked(**USER, **REDACTED),
    f"\u202e{CALL}\u202c": asked(),
    # full-width forms of Asian keyboards
    f"ｒｅｄａｃｔｅｄ {CALL}": asked(**REDACTED),
    f"id：{CALL}": asked(),
    f"{CALL}、": asked(),
    # pasted labels
    f"id: {CALL}": asked(),
    f"id:{CALL}": asked(),
    f"ID {CALL}": asked(),
    f"conversation_id={CALL}": asked(),
    f"conversationId = {CALL}": asked(),
    f"Conversation ID: {CALL}": asked(),
    f"Call SID: {CALL} redacted": asked(**REDACTED),
    f"**Conversation:** `{CALL}`": asked(),
    f'"conversation_id":"{CALL}",': asked(),
    f'{{"conversationId": "{CALL}"}}': asked(),
    f'{{"conversationId":"{CALL}"}}': asked(),
    f"id:{UUID}": asked(UUID),
    f"the recording of {CALL} please": asked(),
    f"url={LINK}": asked(LINKED),
    # agents
    f"sales:{CALL}": asked(SALES),
    f"redacted sales:{CALL}": asked(SALES, **REDACTED),
    f"sales:{UUID}": asked(Reference(UUID, agent_name="sales")),
    # links
    LINK: asked(LINKED),
    f"<{LINK}>": asked(LINKED),
    f"redacted <{LINK}|the call of this morning> caller": asked(LINKED, **USER, **REDACTED),
    f"<{LINK}?a=1&amp;b=2,3|{CALL}>": asked(LINKED),
    f"({LINK}).": asked(LINKED),
    LINK.removeprefix("https://"): asked(LINKED),
    f"{CALL} {LINK}": asked(LINKED),
    f"<{LINK}|{LINK}> {CALL}": asked(LINKED),
    # ids
    DIGITS: asked(DIGITS),
    UUID: asked(UUID),
    "CONV-1234567890 user": asked("CONV-1234567890", **USER),
    "0123456789abcdef0123456789abcdef": asked("0123456789abcdef0123456789abcdef"),
    "my-debug.chat_1 redacted": asked("my-debug.chat_1", **REDACTED),
    "id: my-debug.chat_1": asked("my-debug.chat_1"),
    "sales:my-debug.chat_1": asked(Reference("my-debug.chat_1", agent_name="sales")),
    # channels
    f"{CALL} <#{HERE}|quality>": asked(channel=HERE),
    f"<#{HERE}|quality> {CALL}": asked(channel=HERE),
    f"{CALL} in <#{HERE}|>, please": asked(channel=HERE),
    f"{CALL}<#{HERE}>": asked(channel=HERE),
    f"{CALL} to {HERE}": asked(channel=HERE),
    f"{HERE} {DIGITS}": asked(DIGITS, channel=HERE),
    f"{CALL} D0ALICE00": asked(channel="D0ALICE00"),
    f"{CALL} C024BE91L": asked(channel="C024BE91L"),
    f"{CALL} C0123456789": asked(channel="C0123456789"),
    f"{CALL} <#C12345678|quality>": asked(channel="C12345678"),
    f"{CALL} “G0PRIVATE0”": asked(channel="G0PRIVATE0"),
    f"{CALL} {HERE} <#{HERE}|quality>": asked(channel=HERE),
}


@each_row("typed", READ_AS)
def test_each_command_is_parsed_as_meant(typed):
    assert parse_command(typed) == READ_AS[typed]


REFUSED = {
    f"{CALL} loud": ("I do not know the word `loud`.", "", "/callaudio help"),
    f"{CALL} redcated": ("the word `redcated`", "Did you mean `redacted`?", ""),
    f"{CALL} agnet": ("the word `agnet`", "Did you mean `agent`?", ""),
    "hlep": ("the word `hlep`", "Did you mean `help`?", ""),
    f"{CALL} not redacted": ("the word `not`", "", ""),
    f"{CALL} raw": ("`raw` cannot be requested", "", "Leave it out"),
    f"{CALL} unredacted": ("`unredacted` cannot be requested", "", ""),
    f"{CALL} user agent": ("More than one side", "", "`combined`"),
    f"{CALL} {HERE} C0OTHER000": ("More than one channel", "", ""),
    f"{CALL} {DIGITS}": ("one recording at a time", "", ""),
    f"{CALL} #quality": ("which channel `#quality` is", "has no id", "list that opens"),
    f"{CALL} <@U0ALICE00>": ("in channels, not to people", "", ""),
    f"{CALL} <!channel>": ("in channels, not to people", "", ""),
    f"{CALL} <!subteam^S0QUALITY0|@q>": ("in channels, not to people", "", ""),
    f"{CALL} `x`<y": ("the word `x`", "", ""),
    f"{CALL} " + "x" * 500: ("the word `" + "x" * 60 + "`.", "", ""),
    "redacted": ("No conversation was given", "missing", "copy its link or its id"),
    "user": ("No conversation was given", "", ""),
    f"<#{HERE}|quality> caller": ("No conversation was given", "", ""),
    "please": ("No conversation was given", "", ""),
    "<@U0ALICE00>": ("found no conversation", "a person", ""),
    "<mailto:a@b.example|a>": ("found no conversation", "an address", ""),
    "<conversation>": ("placeholder", "copied", ""),
    "&lt;conversation&gt; [redacted]": ("placeholder", "copied", ""),
    "{conversationId}": ("placeholder", "copied", ""),
    "a/b": ("does not lead to PolyAI", "", ""),
    "<https://example.com/CA1|CA1>": ("does not lead to PolyAI", "", ""),
    f"{CALL} https://example.com/x": ("does not lead to PolyAI", "", ""),
    "CA..1": ("not a conversation id", "", "Copy the id"),
    "СA" + CALL[2:]: ("may be a personal number", "", ""),
    f"{CALL} caller’s": ("the word `caller’s`", "Did you mean `caller`?", ""),
    CALL[:20]: ("may be a personal number", "cut off", "Copy the id"),
    "x" * (MAX_TYPED_CHARACTERS + 1): ("too long", "4,000", ""),
    # personal numbers, with and without a conversation
    "+44 7700 900123": ("may be a personal number", "I keep none of it", "Copy the id"),
    "<tel:+447700900123|+44 7700 900123>": ("may be a personal number", "", ""),
    "4111 1111 1111 1111": ("may be a personal number", "", ""),
    "4111 1111 redacted 1111 1111": ("may be a personal number", "", ""),
    f"{CALL} 4111-1111-1111-1111": ("may be a personal number", "", ""),
    "GB82 WEST 1234 5698 7654 32": ("may be a personal number", "", ""),
    "id: 078-05-1120": ("may be a personal number", "", ""),
    "sales:447700900123": ("may be a personal number", "", ""),
    # numbers that begin like a channel's id
    f"{CALL} CE123456A": ("may be a personal number", "", ""),
    f"G1234567X {CALL}": ("may be a personal number", "", ""),
    f"{CALL} in D123456789": ("may be a personal number", "", ""),
    f"{CALL} GODE561231GR8": ("may be a personal number", "", ""),
    "ABCDE1234F": ("may be a personal number", "", ""),
    f"{CALL} ABCDE1234F": ("may be a personal number", "", ""),
    "０７７００ ９００１２３": ("may be a personal number", "", ""),
}


@each_row("typed", REFUSED)
def test_unreadable_input_is_answered_without_repeating_markup(typed):
    what, cause, fix = REFUSED[typed]
    with pytest.raises(UsageError) as refused:
        parse_command(typed)
    said = refused.value
    assert what in said.what
    assert cause in said.likely_cause
    assert fix in said.fix
    told = f"{said.what} {said.likely_cause} {said.fix}"
    assert not set("<>&") & set(told), "nothing in it can become a mention, or an entity"
    for number in ("7700", "4111", "1234", "1120"):
        assert number not in told


PIECES = st.sampled_from(
    ["<", ">", "|", "#", "`", " ", "\x00", "&lt;", CALL, LINK, f"<#{HERE}|q>", "user", "sales:",
     "id:", "{", "1234", "-", "—", "C0OTHER000", "\u200b"]
)  # fmt: skip
ANYTHING = st.text() | st.lists(PIECES | st.text(max_size=3)).map("".join)


def outcome(text):
    try:
        return parse_command(text)
    except UsageError as error:
        return error


@given(ANYTHING)
def test_any_text_is_parsed_or_refused_and_a_possible_phone_number_is_never_an_id(text):
    result = outcome(text)
    if isinstance(result, UsageError):
        assert result.what
        assert not set("<>&") & set(result.what)
    elif isinstance(result, AskForRecording):
        taken = result.reference.conversation_id
        assert is_machine_made(taken) or not may_be_personal(taken)


KNOWN_IDS = st.one_of(
    st.from_regex(r"CA[0-9]{32}", fullmatch=True),
    st.from_regex(r"CA[0-9a-fA-F]{32}", fullmatch=True),
    st.from_regex(r"CONV-[0-9]{4,20}", fullmatch=True),
    st.uuids().map(lambda made: f"OUT-{made}"),
    st.uuids().map(str),
)
WORDS = st.tuples(
    KNOWN_IDS,
    st.sampled_from(["", "C0123456789", HERE, "<#G0PRIVATE0|>", "<#C0OTHER000|a channel>"]),
    st.sampled_from(["", "user", "Agent", "combined", "CALLER", "both"]),
    st.sampled_from(["", "redacted", "Redacted"]),
)
AROUND = st.sampled_from(
    ["{}", "`{}`", "“{}”", "«{}»", "„{}“", "({})", "*{}*", "_{}_", "{}.", "{},", "{}!", "– {}",
     "\u2066{}\u2069", "\u200b{}", "{}\ufeff", "'{}'", "[{}]", "{} 👍"]
)  # fmt: skip


def plainly(words):
    return parse_command(" ".join(words))


@given(data=st.data(), words=WORDS, spaces=st.sampled_from([" ", "   ", "\t", "\u00a0", " \u3000"]))
def test_order_spaces_and_surrounding_characters_do_not_matter(data, words, spaces):
    dressed = [data.draw(AROUND).format(each) if each else "" for each in words]
    assert parse_command(spaces.join(data.draw(st.permutations(dressed)))) == plainly(words)


@given(
    words=WORDS, at=st.integers(0, 200), hidden=st.sampled_from("\u200b\u2060\u00ad\ufeff\u200e")
)
def test_invisible_characters_do_not_matter(words, at, hidden):
    text = " ".join(words)
    assert parse_command(text[:at] + hidden + text[at:]) == plainly(words)


@given(words=WORDS)
def test_an_id_is_never_a_channel_and_a_channel_is_never_an_id(words):
    read = plainly(words)
    assert read.reference.conversation_id == words[0]
    assert read.channel_id in (None, "C0123456789", HERE, "G0PRIVATE0", "C0OTHER000")
