"""What people type, and what messages contain, read as references to conversations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.recordings.references.reference import InvalidReference, Reference, parse_reference
from tests.tables import each_row

CALL = "CAabcd1234567abcdef1250065d4fc7389"
UUID = "0e0e0e0e-aaaa-bbbb-cccc-121212121212"
PLACED = {"account": "acme-uk", "project": "PROJECT-58RP822I"}
PATH = f"acme-uk/PROJECT-58RP822I/conversations/{CALL}"
LINK = f"https://studio.eu.poly.ai/{PATH}"


@each_row(
    "conversation_id",
    [
        CALL, f"LOCAL-{UUID}", f"OUT-{UUID}", f"AS_CHAT_{UUID}", UUID, "CONV-1234567890",
        "my-debug.chat_1", "Case-Is-KEPT",
    ],
)  # fmt: skip
@each_row(
    "written",
    ["{}", " {} ", "`{}`", "```{}```", "'{}'", '"{}"', "“{}”", "*{}*", "_{}_", "~{}~", "*_{}_*",
     "({})", "[{}]", "{}.", "{},", "{}?!", "`{}`.", "`{}.`", "{};"],
)  # fmt: skip
def test_an_id_is_found_within_its_formatting(conversation_id, written):
    assert parse_reference(written.format(conversation_id)) == Reference(conversation_id)


def test_known_ids_within_angle_brackets_are_read():
    assert parse_reference(f"<{CALL}>") == Reference(CALL)
    assert parse_reference(f"&lt;{CALL}&gt;") == Reference(CALL)


@pytest.mark.parametrize("name", ["sales", "a", "my_agent-2"])
def test_a_lower_case_word_before_the_colon_is_the_agent(name):
    assert parse_reference(f"{name}:{CALL}") == Reference(CALL, agent_name=name)


def test_only_the_first_colon_separates_the_agent_from_the_id():
    assert parse_reference("sales:a:b-c") == Reference("a:b-c", agent_name="sales")


@pytest.mark.parametrize("text", ["Sales:abc", "1a:abc", f"{'a' * 33}:abc"])
def test_a_word_that_cannot_be_an_agent_stays_part_of_the_id(text):
    assert parse_reference(text) == Reference(text)


@each_row(
    ("host", "region"),
    [
        ("studio.us.poly.ai", "us"), ("studio.uk.poly.ai", "uk"), ("studio.eu.poly.ai", "eu"),
        ("studio.poly.ai", "studio"), ("studio.studio.poly.ai", "studio"),
        ("STUDIO.EU.poly.ai", "eu"), ("studio.eu.poly.ai.", "eu"), ("studio.eu.poly.ai:443", "eu"),
        ("jupiter.polyai.app", None), ("studio.mars.poly.ai", None),
    ],
)  # fmt: skip
def test_a_studio_link_gives_region_account_and_project(host, region):
    assert parse_reference(f"https://{host}/{PATH}") == Reference(CALL, region=region, **PLACED)


@each_row(
    "link",
    [
        LINK, f"{LINK}/", f"{LINK}#turn-5", f"{LINK}?tab=transcript&id=other", f"<{LINK}>",
        f"<{LINK}|the call>", f"<{LINK}?a=1&amp;b=2|{LINK}>", f"`{LINK}`", f"({LINK}).",
        f"*{LINK}*", LINK.removeprefix("https://"), LINK.replace("https", "http"),
        LINK.replace("https", "HTTPS"),
        LINK.replace("conversations/", "conversations/voice/"),
        LINK.replace("conversations/", "conversations/web-chat/"),
        f"{LINK}/all", f"{LINK}/Voice/", f"{LINK}/transcript",
        "https://studio.eu.poly.ai/acme-uk/PROJECT-58RP822I/conversations?conversationId=" + CALL,
        "https://studio.eu.poly.ai/acme-uk/PROJECT-58RP822I/conversations/voice?conversation_id="
        + CALL,
        f"<https://studio.eu.poly.ai/acme-uk/PROJECT-58RP822I/conversations/all?x=1&amp;id={CALL}>",
        "https://studio.eu.poly.ai/acme-uk/PROJECT-58RP822I/analytics?conversationId=" + CALL,
        f"https://api.euw-1.platform.polyai.app/v3/{PATH}",
        f"https://api.euw-1.platform.polyai.app/v3/{PATH}/audio",
    ],
)  # fmt: skip
def test_every_form_of_a_link_names_the_same_call(link):
    assert parse_reference(link) == Reference(CALL, region="eu", **PLACED)


def test_custom_ids_are_read_from_the_end_of_a_link_or_from_the_api_path():
    studio = "https://studio.poly.ai/acme/proj/conversations/voice/my%2Ddebug_1"
    assert parse_reference(studio).conversation_id == "my-debug_1"
    api = (
        "https://api.us.poly.ai/v1/agents/acme-team-4/conversations/my-debug_1/audio?redacted=true"
    )
    assert parse_reference(api) == Reference("my-debug_1", region="us", project="acme-team-4")


def test_an_impossible_account_is_left_out():
    link = f"https://studio.us.poly.ai/%7Baccount%7D/a%2Fb/conversations/{CALL}"
    assert parse_reference(link) == Reference(CALL, region="us")


@each_row(
    ("text", "what", "fix"),
    [
        ("", "No conversation was given.", "copy its link or its id"),
        ("  `` ", "No conversation was given.", "copy its link or its id"),
        ("ab", "not a conversation id", "Copy the id or the link"),
        ("CA1 CA2", "one recording at a time", "each of them by itself"),
        (f"{CALL} and {UUID}", "one recording at a time", "each of them by itself"),
        (f"{CALL} now", "not a conversation id", "Copy the id or the link"),
        ("a..b", "not a conversation id", "Copy the id or the link"),
        ("sales:../x", "does not lead", "copy"),
        ("{conversationId}", "placeholder", "Copy the id"),
        ("sales:{conversationId}", "placeholder", "Copy the id"),
        ("<id>", "placeholder", "Copy the id"),
        ("&lt;conversation&gt;", "placeholder", "Copy the id"),
        ("CONVERSATION_ID", "placeholder", "Copy the id"),
        (":conversationId", "placeholder", "Copy the id"),
        (":id", "not a conversation id", "Copy the id"),
        (f"{LINK[:-34]}%7BconversationId%7D", "placeholder", "Copy the id"),
        (f"{LINK[:-34]}a%2Fb", "not a conversation id", "Copy the id"),
        ("<@U123ABC>", "found no conversation", "copy its link or its id"),
        ("<#C123|general>", "found no conversation", "copy its link or its id"),
        ("<!channel>", "found no conversation", "copy its link or its id"),
        ("<tel:+447700900123|07700>", "may be a personal number", "Copy the id"),
        ("+44 7700 900123", "may be a personal number", "Copy the id"),
        (f"{CALL} 4111 1111 1111 1111", "may be a personal number", "Copy the id"),
        (f"{LINK[:-34]}4111-1111-1111-1111", "may be a personal number", "Copy the id"),
        ("<mailto:a@b.example|a>", "found no conversation", "copy its link or its id"),
        ("https://jupiter.polyai.app/acme/proj/conversations/voice?from=1", "not to one", "Open"),
        ("https://studio.us.poly.ai/", "not to one", "Open the conversation itself"),
        ("https://docs.poly.ai/api/conversations", "not to one", "Open the conversation itself"),
        ("https://api.us.poly.ai/v1", "not to one", "Open the conversation itself"),
        (f"https://evil.example/{PATH}", "does not lead to PolyAI", "Open"),
        (f"https://studio.us.poly.ai@evil.example/{PATH}", "does not lead to PolyAI", "Open"),
        (f"https://evilpoly.ai/{PATH}", "does not lead to PolyAI", "Open"),
        (f"https://studio.us.poly.ai.evil.example/{PATH}", "does not lead to PolyAI", "Open"),
        (f"ftp://studio.us.poly.ai/{PATH}", "does not lead to PolyAI", "Open"),
        (f"sales:{LINK}", "does not lead to PolyAI", "Open"),
        ("conversations/abc/audio", "does not lead to PolyAI", "Open"),
        ("https://[::1/x", "cannot be read", "copy its link again"),
        (f"{LINK[:-34]}?" + "&".join(["a=1"] * 101), "cannot be read", "copy its link again"),
        ("x" * 5000, "found no conversation", "copy its link or its id"),
    ],
)
def test_any_other_text_is_refused_with_its_own_fix_and_not_repeated(text, what, fix):
    with pytest.raises(InvalidReference, match=what) as caught:
        parse_reference(text)
    assert isinstance(caught.value, UsageError)
    assert fix in caught.value.fix
    for personal in ("evil", "7700", "http", "CA1"):
        assert personal not in str(caught.value) + caught.value.likely_cause + caught.value.fix


@given(st.text(max_size=80) | st.text(alphabet="<>|/:.?&;%_*`CA{}[]poly.ai ", max_size=60))
def test_any_text_is_a_reference_or_an_invalid_one(text):
    try:
        reference = parse_reference(text)
    except InvalidReference:
        return
    assert "/" not in reference.conversation_id
    assert ".." not in reference.conversation_id
