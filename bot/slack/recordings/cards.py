"""The card of a delivery in each of its states: plain text, and the blocks that replace it."""

from typing import Final

from bot.access.policy import Outcome
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.slack_port import Announcement, Delivered, TakenBack
from bot.recordings.deliveries.take_back_causes import REDACTED_IS_UNSAFE
from bot.slack import wording
from bot.slack.blocks import (
    Block,
    Message,
    actions,
    button,
    confirmation,
    context,
    menu,
    option,
    section,
)
from bot.slack.identifiers import Action

DELETE_FOR_GOOD: Final = confirmation(
    "Delete it for everyone?",
    "Then nobody can open it in Slack any more; exports and legal holds of the workspace may keep "
    "a copy. People can request it again, subject to their rights at that time.",
    yes="Delete",
    no="Keep",
)


def on_its_way(announcement: Announcement) -> Message:
    """The card until the first bytes arrive."""
    text = _heading(announcement)
    return {"text": text, "blocks": [section(text), context("Waiting to be fetched …")]}


def progress(announcement: Announcement, percent: int) -> Message:
    """The card while the recording is being fetched."""
    text = _heading(announcement)
    return {"text": text, "blocks": [section(text), context(f"Fetching … {percent} %")]}


def waiting(announcement: Announcement, what: str) -> Message:
    """The card while Slack or PolyAI is unavailable."""
    text = _heading(announcement)
    return {
        "text": text,
        "blocks": [section(text), context(f"{wording.escape(what)} {wording.WAITING}")],
    }


def delivered(result: Delivered) -> Message:
    """The card when the file is in the thread: its facts and its buttons."""
    heading = _heading(result.announcement)
    is_transcript = result.announcement.kind is DeliveryKind.TRANSCRIPT
    file = [
        None if is_transcript else wording.length(result.length_seconds),
        wording.size(result.size_bytes),
        None if is_transcript else wording.SIDES[result.direction],
    ]
    file_facts = " · ".join(part for part in file if part)
    variant = wording.variant(
        result.outcome,
        result.reason,
        result.deleted_at,
        result.muted,
        is_public=result.is_public,
        is_for_all_here=result.is_for_all_here,
        replaced_because=result.replaced_because,
    )
    # If another card of the thread shows the call's facts, one line is enough.
    about = [f"{file_facts} · {variant}"] if result.is_follow_up else [variant, file_facts]
    not_shown = None if result.is_confirmed else wording.NOT_SHOWN_YET
    lines = [*about, wording.encoding(result.encoding), wording.call_facts(result.call), not_shown]
    contexts = [context(line) for line in lines if line]
    # For notifications and clients without blocks.
    text = f"{heading}: {variant}"
    return {"text": text, "blocks": [section(heading), *contexts, actions(*_offers(result))]}


def taken_back(taken: TakenBack) -> Message:
    """The card after the file is deleted; most buttons are removed."""
    announcement = taken.announcement
    was_redacted = taken.cause in REDACTED_IS_UNSAFE
    if taken.deleted_by:
        noun = wording.NOUNS[announcement.kind]
        gone = f"The {noun} was deleted from Slack by <@{taken.deleted_by}>."
    else:
        what = wording.REDACTED_GONE if was_redacted else wording.GONE[announcement.kind]
        gone = f"{what}: {wording.WHY_TAKEN_BACK[taken.cause]}."
    blocks = [section(_heading(announcement)), context(gone)]
    if taken.is_followed:
        blocks.append(context("The redacted recording follows …"))
    elif announcement.kind is DeliveryKind.AUDIO and not taken.deleted_by and not was_redacted:
        label = "Fetch redacted instead"
        blocks.append(actions(button(Action.REDACTED_INSTEAD, label, announcement.delivery_id)))
    return {"text": gone, "blocks": blocks}


def _offers(result: Delivered) -> list[Block]:
    """The buttons of a delivered file; each press is a new decision."""
    announcement = result.announcement
    row: list[Block] = []
    if announcement.kind is DeliveryKind.AUDIO:
        row.append(_other_sides(announcement.delivery_id, result.direction))
        if result.has_picture:
            row.append(button(Action.WAVEFORM, "Waveform", announcement.delivery_id))
        if result.outcome == Outcome.RAW:
            row.append(button(Action.TRANSCRIPT, "Transcript", announcement.delivery_id))
    row.append(
        button(Action.DELETE, "Delete", announcement.delivery_id, confirm=dict(DELETE_FOR_GOOD))
    )
    return row


def _other_sides(delivery_id: str, shown: Direction) -> Block:
    """A menu of the other two sides; a value holds the side and the delivery."""
    others = [
        option(wording.SIDES[side].capitalize(), f"{side.value} {delivery_id}")
        for side in Direction
        if side is not shown
    ]
    return menu(Action.OTHER_SIDE, "Other side", others)


def _heading(announcement: Announcement) -> str:
    conversation = wording.code(announcement.conversation_id)
    noun = wording.NOUNS[announcement.kind].capitalize()
    return f"{noun} of {conversation}, requested by <@{announcement.user_id}>"
