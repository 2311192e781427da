"""The messages of a delivery as Slack wants them: plain text, and the blocks that replace it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from bot.access.policy import Reason
from bot.recordings.posting import Announcement, Delivered, NoteKind, PrivateNote, TakenBack
from bot.slack import wording
from bot.slack.actions import Action
from bot.slack.blocks import Message, actions, button, context, section


def on_its_way(announcement: Announcement) -> Message:
    """The parent message while the recording is being fetched."""
    text = _heading(announcement)
    return {"text": text, "blocks": [section(text), context("Fetching the recording …")]}


def delivered(result: Delivered) -> Message:
    """The parent message once the recording is in its thread."""
    text = _heading(result.announcement)
    audio = [
        wording.length(result.length_seconds),
        wording.size(result.size_bytes),
        wording.SIDES[result.direction],
    ]
    lines = [
        wording.variant(result.outcome, result.reason, result.deleted_at),
        " · ".join(part for part in audio if part),
        wording.call_facts(result.call),
    ]
    contexts = [context(line) for line in lines if line]
    return {"text": text, "blocks": [section(text), *contexts]}


def taken_back(taken: TakenBack) -> Message:
    """The parent message, or a reply, once the raw recording is gone."""
    why = wording.WHY_TAKEN_BACK[taken.cause]
    gone = f"The raw recording was deleted: {why}."
    heading = [section(_heading(taken.announcement))] if taken.is_ours else []
    instead = button(
        Action.REDACTED_INSTEAD, "Fetch redacted instead", taken.announcement.delivery_id
    )
    return {"text": gone, "blocks": [*heading, context(gone), actions(instead)]}


def private_note(note: PrivateNote) -> Message:
    """A note for the requester alone; it ends with the reference id that the logs know."""
    lines = NOTES[note.kind](note)
    blocks = [section("\n".join(lines))]
    if note.kind is NoteKind.REDACTED and note.reason == Reason.AUDIENCE:
        text = "Send the raw recording to my direct messages"
        blocks.append(actions(button(Action.RAW_TO_DM, text, note.delivery_id)))
    if note.kind is NoteKind.REDACTED and note.reason == Reason.NOT_CLEARED:
        blocks.append(actions(button(Action.REQUEST_ACCESS, "Request access", note.delivery_id)))
    blocks.append(context(_reference(note)))
    return {"text": " ".join(lines), "blocks": blocks}


def _refused(note: PrivateNote) -> list[str]:
    why = wording.WHY_REFUSED[Reason(note.reason or Reason.REQUESTER_NOT_ALLOWED)]
    return [f"I did not post the recording of {wording.code(note.conversation_id)}.", why]


def _redacted(note: PrivateNote) -> list[str]:
    why = wording.WHY_REDACTED[Reason(note.reason or Reason.NOT_CLEARED)]
    return [f"The recording of {wording.code(note.conversation_id)} is redacted: {why}."]


def _moved_to_dm(note: PrivateNote) -> list[str]:
    conversation = wording.code(note.conversation_id)
    return [
        "I can never post in the direct messages of two people.",
        f"The recording of {conversation} comes to your direct messages with me instead.",
    ]


def _unconfirmed(note: PrivateNote) -> list[str]:
    conversation = wording.code(note.conversation_id)
    return [
        f"I posted the recording of {conversation}, but Slack does not show it yet.",
        "It may still be scanning the file. Look again in a few minutes before you ask once more.",
    ]


def _failed(note: PrivateNote) -> list[str]:
    problem = note.problem
    lines = [f"I could not deliver the recording of {wording.code(note.conversation_id)}."]
    if problem:
        lines.append(wording.escape(problem.what))
        if problem.likely_cause:
            lines.append(f"*Likely cause:* {wording.escape(problem.likely_cause)}")
        if problem.fix:
            lines.append(f"*What to do:* {wording.escape(problem.fix)}")
    return lines


NOTES: Final[Mapping[NoteKind, Callable[[PrivateNote], list[str]]]] = MappingProxyType(
    {
        NoteKind.REFUSED: _refused,
        NoteKind.REDACTED: _redacted,
        NoteKind.MOVED_TO_DM: _moved_to_dm,
        NoteKind.UNCONFIRMED: _unconfirmed,
        NoteKind.FAILED: _failed,
    }
)


def _heading(announcement: Announcement) -> str:
    conversation = wording.code(announcement.conversation_id)
    return f"Recording of {conversation}, asked for by <@{announcement.user_id}>"


def _reference(note: PrivateNote) -> str:
    correlation_id = note.problem.correlation_id if note.problem else None
    polyai = f" · PolyAI {wording.code(correlation_id)}" if correlation_id else ""
    return f"Reference {wording.code(note.delivery_id)}{polyai}"
