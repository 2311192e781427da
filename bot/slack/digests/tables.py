"""The tables of a digest (docs: "data_table"). Cells are plain text, never mrkdwn."""

from typing import Final
from zoneinfo import ZoneInfo

from bot.digests.notable import NotableCall
from bot.digests.report import PersonTally
from bot.slack import wording
from bot.slack.blocks import Block
from bot.slack.digests import words

MAX_CELL: Final = 130  # the maximum length of a conversation's id
MAX_REASON: Final = 60
ROWS_A_PAGE: Final = 10


def notable_calls(calls: tuple[NotableCall, ...], zone: ZoneInfo) -> Block:
    """Build the table of notable calls, numbered like the buttons below it."""
    header = ("#", "Began", "Length", "Direction", "Caller", "Handed off", "Why", "Conversation")
    rows = [
        [
            _number(at),
            _text(words.moment(notable.call.started_at, zone)),
            _length(notable.call.length_seconds),
            _text(notable.call.direction),
            _text(notable.call.masked_caller),
            _text(handed_off(notable)),
            _text(words.marks(notable.marks)),
            _text(notable.call.conversation_id),
        ]
        for at, notable in enumerate(calls, start=1)
    ]
    return _table("Notable calls", header, rows)


def people(those: tuple[PersonTally, ...]) -> Block:
    """Build the table of deliveries by person."""
    header = ("Person", "Unredacted", "Redacted", "Refused", "Failed")
    rows = [
        [
            _person(person.user_id),
            _number(person.raw),
            _number(person.redacted),
            _number(person.refused),
            _number(person.other),
        ]
        for person in those
    ]
    return _table("Who received what", header, rows)


def handed_off(notable: NotableCall) -> str | None:
    """Return the agent's own name for why a call was handed off, in plain text."""
    if not notable.call.handoff:
        return None
    return (notable.call.handoff_reason or "yes")[:MAX_REASON]


def _table(caption: str, header: tuple[str, ...], rows: list[list[Block]]) -> Block:
    return {
        "type": "data_table",
        "caption": caption,
        "rows": [[_text(name) for name in header], *rows],
        "page_size": ROWS_A_PAGE,
        "row_header_column_index": 0,
    }


def _text(text: str | None) -> Block:
    return {"type": "raw_text", "text": (text or "")[:MAX_CELL].strip() or words.NOTHING}


def _number(value: int) -> Block:
    return {"type": "raw_number", "value": value, "text": f"{value:,}"}


def _length(length_seconds: int | None) -> Block:
    text = wording.length(length_seconds)
    if length_seconds is None or text is None:
        return _text(None)
    return {"type": "raw_number", "value": length_seconds, "text": text}


def _person(user_id: str) -> Block:
    person = {"type": "user", "user_id": user_id}
    section = {"type": "rich_text_section", "elements": [person]}
    return {"type": "rich_text", "elements": [section]}
