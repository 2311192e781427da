"""The conversations that a Slack message names, in any part of it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.recordings.references.mentions import DEEPEST, MOST_MENTIONS, find_mentions
from bot.recordings.references.reference import Reference
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
OTHER = "CA" + "fedcba9876543210" * 2
UUID = "123e4567-e89b-12d3-a456-426614174000"
PATH = f"acme/PROJECT-1/conversations/{CALL}"
LINK = f"https://studio.us.poly.ai/{PATH}"
STUDIO = LINK.replace(CALL, UUID)
LINKED = Reference(UUID, region="us", account="acme", project="PROJECT-1")
FOUND = Reference(CALL)
FOUND_LINKED = replace(LINKED, conversation_id=CALL)


def rich_text(*elements):
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": list(elements)}],
    }


PLACES = {
    "text": {"text": f"listen to {CALL} please"},
    "a label beside it": {"text": f"Call SID: {CALL}."},
    "rich text": {"blocks": [rich_text({"type": "text", "text": CALL})]},
    "code in rich text": {
        "blocks": [rich_text({"type": "text", "text": CALL, "style": {"code": True}})]
    },
    "a section": {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": CALL}}]},
    "a field of a section": {
        "blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": f"*Id*\n{CALL}"}]}]
    },
    "a context": {
        "blocks": [{"type": "context", "elements": [{"type": "plain_text", "text": CALL}]}]
    },
    "the words for a picture": {"blocks": [{"type": "image", "alt_text": f"Waveform of {CALL}"}]},
    "the title of a picture": {
        "blocks": [{"type": "image", "title": {"type": "plain_text", "text": CALL}}]
    },
    "an attachment's fallback": {"attachments": [{"fallback": CALL}]},
    "an attachment's title": {"attachments": [{"title": CALL}]},
    "an attachment's text": {"attachments": [{"text": CALL}]},
    "an attachment's pretext": {"attachments": [{"pretext": CALL}]},
    "an attachment's field": {
        "attachments": [{"fields": [{"title": "Conversation", "value": CALL, "short": True}]}]
    },
    "an attachment's footer": {"attachments": [{"footer": CALL}]},
    "an attachment's blocks": {
        "attachments": [{"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": CALL}}]}]
    },
    "a file's title": {"files": [{"id": "F1", "title": f"{CALL} (raw)"}]},
    "a file's name": {"files": [{"id": "F1", "name": f"{CALL}-agent-redacted.wav"}]},
}
LINKS = {
    "as Slack escapes it": {"text": f"<{STUDIO}|the call>"},
    "bare": {"text": f"see {STUDIO}, thanks"},
    "in rich text": {"blocks": [rich_text({"type": "link", "url": STUDIO, "text": "the call"})]},
    "behind a button": {
        "blocks": [{"type": "actions", "elements": [{"type": "button", "url": STUDIO}]}]
    },
    "behind an attachment's title": {"attachments": [{"title": "Call", "title_link": STUDIO}]},
    "unfurled": {"attachments": [{"from_url": STUDIO}]},
}
NONE = {
    "nothing": {},
    "a plain UUID in a file's name": {"files": [{"name": f"{UUID}.wav"}]},
    "what a button sends": {
        "blocks": [{"type": "actions", "elements": [{"type": "button", "value": CALL}]}]
    },
    "wrong types": {"text": 7, "blocks": "x", "attachments": {"a": [None, 3]}, "files": ["x", {}]},
    "a file without words": {"files": [{"title": None, "name": 4}]},
}


@each_row("message", PLACES.values(), ids=PLACES)
def test_an_id_is_found_in_every_visible_part(message):
    assert find_mentions(message) == (FOUND,)


@each_row("message", LINKS.values(), ids=LINKS)
def test_a_link_is_found_with_its_agent(message):
    assert find_mentions(message) == (LINKED,)


@each_row("message", NONE.values(), ids=NONE)
def test_what_is_not_visible_or_not_text_is_ignored(message):
    assert find_mentions(message) == ()


@each_row(
    ("text", "found"),
    [
        (f"please check {CALL}, thanks", [FOUND]),
        (f"({CALL})", [FOUND]),
        (f"`{CALL}` _{CALL}_ *{CALL}*.", [FOUND]),
        (f"Conversation:{CALL}", [FOUND]),
        (f"id:{CALL} conversation_id={CALL}", [FOUND]),
        (f"sales:{CALL}", [Reference(CALL, agent_name="sales")]),
        (f"&lt;{CALL}&gt;", [FOUND]),
        (f"LOCAL-{UUID} OUT-{UUID}", [Reference(f"LOCAL-{UUID}"), Reference(f"OUT-{UUID}")]),
        (f"AS_CHAT_{UUID}\nCONV-1234567890",
         [Reference(f"AS_CHAT_{UUID}"), Reference("CONV-1234567890")]),
        (f"<{LINK}|call>", [FOUND_LINKED]),
        (f"look: {LINK}).", [FOUND_LINKED]),
        (f"studio.us.poly.ai/{PATH}", [FOUND_LINKED]),
        (f"[call]({LINK})", [FOUND_LINKED]),
        (f"{CALL} is <{LINK}>", [FOUND_LINKED]),
        (f"{UUID} is <{STUDIO}>", [LINKED]),
        (f"{OTHER}, then {CALL}, {OTHER}", [Reference(OTHER), FOUND]),
        # Conservative: none of these is certainly a conversation.
        ("Has anybody listened to yesterday's calls?", []),
        (f"{UUID} id: `{UUID}` request_id={UUID} trace:{UUID} x-{UUID} {UUID}-x {UUID}.wav", []),
        (f"<https://example.com/conversations/{UUID}>", []),
        (f"<https://status.poly.ai/?id={UUID}> poly.ai/?id={UUID}", []),
        (f"<https://example.com/calls/{CALL}|{CALL}>", []),
        (f"https://example.com/{CALL} /tmp/{CALL} {CALL}/x a@{CALL}", []),
        (f"x{CALL} {CALL}f {CALL[:-1]} a_{CALL} {CALL}_b", []),
        (f"<@U1|{CALL}> <#C1|{CALL}> <tel:1|{CALL}> <!channel>", []),
        ("my-debug.chat_1 CONV-1 {conversationId}", []),
        ("https://jupiter.polyai.app/acme/proj/conversations/voice", []),
    ],
)  # fmt: skip
def test_a_text_gives_the_calls_it_certainly_names(text, found):
    assert find_mentions({"text": text}) == tuple(found)


def test_a_call_is_listed_once_in_the_order_of_its_first_mention():
    message = {
        "text": f"{OTHER} and {CALL}",
        "blocks": [rich_text({"type": "text", "text": f"{OTHER} and {CALL}"})],
        "files": [{"title": f"{CALL} (raw)", "name": f"{CALL}-raw.wav"}],
    }
    assert find_mentions(message) == (Reference(OTHER), FOUND)


def test_no_more_calls_are_returned_than_a_select_menu_can_list():
    many = " ".join(f"CA{number:032x}" for number in range(50))
    found = find_mentions({"text": many})
    assert len(found) == MOST_MENTIONS
    assert found[0] == Reference(f"CA{0:032x}")


def test_content_nested_deeper_than_slack_allows_is_ignored():
    nested: object = {"text": CALL}
    for _ in range(DEEPEST):
        nested = {"elements": nested}
    assert find_mentions({"blocks": [nested]}) == ()


@each_row(
    "part", ["https://a.poly.ai/", "https://", "a.b.c.d/", "<", "<a", "CA", "CA0", "id:", "-" * 9]
)
def test_a_huge_message_is_read_to_its_end(part):
    text = f"{part * (40_000 // len(part))} {CALL}"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    message = {"text": text, "blocks": [section] * 50, "attachments": [{"text": text}] * 100}
    assert find_mentions(message)[-1].conversation_id == CALL


KEYS = ["text", "blocks", "attachments", "elements", "fields", "files", "title", "value", "url"]
JSON = st.recursive(
    st.none()
    | st.integers()
    | st.sampled_from(["", "<", CALL, STUDIO, f"<{STUDIO}|x>", UUID])
    | st.text(alphabet="<>|/:.-_a0 CAh", max_size=200),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_any_payload_is_read_without_an_error(message):
    found = find_mentions(message)
    assert len(found) == len(set(found)) <= MOST_MENTIONS


@given(before=st.text(st.sampled_from(" \n.,;*_|()"), max_size=9), place=st.integers(0, 3))
def test_an_id_between_spaces_is_found_among_any_other_text(before, place):
    words = f"{before} {CALL} {before}"
    messages = [
        {"text": words},
        {"blocks": [rich_text({"type": "text", "text": words})]},
        {"attachments": [{"text": words}]},
        {"files": [{"title": words}]},
    ]
    assert find_mentions(messages[place]) == (FOUND,)
