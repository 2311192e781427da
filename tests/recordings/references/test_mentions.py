"""The conversations that a Slack message names, in any part of it."""

from hypothesis import given
from hypothesis import strategies as st

from bot.recordings.references.mentions import DEEPEST, MOST_MENTIONS, find_mentions
from bot.recordings.references.reference import Reference
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
OTHER = "CA" + "fedcba9876543210" * 2
UUID = "123e4567-e89b-12d3-a456-426614174000"
STUDIO = f"https://studio.us.poly.ai/acme/PROJECT-1/conversations/{UUID}"
LINKED = Reference(UUID, region="us", account="acme", project="PROJECT-1")
FOUND = Reference(CALL)


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
    "small talk": {"text": "Has anybody listened to yesterday's calls?"},
    "a plain UUID, which may be of anything": {"text": f"trace {UUID}"},
    "a plain UUID in a file's name": {"files": [{"name": f"{UUID}.wav"}]},
    "another site's link": {"text": f"<https://example.com/conversations/{UUID}>"},
    "a mention": {"text": "<@U0ALICE00> <#C0QUALITY0|quality> <!channel>"},
    "a number": {"text": "<tel:+442079460000|+44 20 7946 0000>"},
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
def test_text_that_cannot_be_a_conversation_is_ignored(message):
    assert find_mentions(message) == ()


def test_a_call_is_listed_once_in_the_order_of_its_first_mention():
    message = {
        "text": f"{OTHER} and {CALL}",
        "blocks": [rich_text({"type": "text", "text": f"{OTHER} and {CALL}"})],
        "files": [{"title": f"{CALL} (raw)", "name": f"{CALL}-raw.wav"}],
    }
    assert find_mentions(message) == (Reference(OTHER), FOUND)


def test_a_call_that_is_also_linked_keeps_the_details_of_the_link():
    message = {"text": UUID, "attachments": [{"from_url": STUDIO}]}
    assert find_mentions(message) == (LINKED,)


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


@each_row("part", ["https://a.poly.ai/", "a.b.c.d/", "<", "CA0", "id:", "-" * 9])
def test_a_huge_message_is_read_quickly(part):
    text = part * (40_000 // len(part))
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    message = {"text": text, "blocks": [section] * 50, "attachments": [{"text": text}] * 100}
    assert len(find_mentions(message)) <= MOST_MENTIONS  # the search ends


KEYS = ["text", "blocks", "attachments", "elements", "fields", "files", "title", "value", "url"]
JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "<", CALL, STUDIO, f"<{STUDIO}|x>", UUID]),
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
