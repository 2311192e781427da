"""The private note for the requester: why a recording is redacted, refused, late or failed."""

from bot.access.policy import Reason
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.slack_port import PrivateNote, PrivateNoteKind
from bot.slack import wording
from bot.slack.blocks import Message, actions, button, context, section
from bot.slack.identifiers import Action


def private_note(note: PrivateNote) -> Message:
    """Build the note; it ends with the reference id that is in the logs."""
    lines = _lines(note)
    blocks = [section("\n".join(lines))]
    if note.kind is PrivateNoteKind.REDACTED and note.reason == Reason.AUDIENCE:
        text = "Send the unredacted recording to my direct messages"
        blocks.append(actions(button(Action.RAW_TO_DM, text, note.delivery_id)))
    if note.kind is PrivateNoteKind.REDACTED and note.reason == Reason.NOT_CLEARED:
        blocks.append(actions(button(Action.REQUEST_ACCESS, "Request access", note.delivery_id)))
    correlation_id = note.problem.correlation_id if note.problem else None
    polyai = f" · PolyAI {wording.code(correlation_id)}" if correlation_id else ""
    blocks.append(context(f"Reference {wording.code(note.delivery_id)}{polyai}"))
    return {"text": " ".join(lines), "blocks": blocks}


def _lines(note: PrivateNote) -> list[str]:
    conversation, problem = wording.code(note.conversation_id), note.problem
    file = f"{wording.NOUNS[note.delivery_kind]} of {conversation}"
    match note.kind:
        case PrivateNoteKind.REFUSED:
            return [f"I did not post the {file}.", _why_refused(note)]
        case PrivateNoteKind.REDACTED:
            reason = Reason(note.reason or Reason.NOT_CLEARED)
            why = wording.why_redacted(reason, is_public=note.is_public)
            return [f"The recording of {conversation} is redacted: {why}."]
        case PrivateNoteKind.MOVED_TO_DM:
            return [
                "I cannot post in direct messages between two people.",
                f"The recording of {conversation} will be in your direct messages with me instead.",
            ]
        case PrivateNoteKind.UNCONFIRMED:
            scanning = "It may still be scanning the file. Check again in a few minutes"
            return [
                f"I posted the {file}, but Slack does not show it yet.",
                f"{scanning} before you ask again.",
            ]
        case PrivateNoteKind.WAITING:
            what = f" {wording.escape(problem.what)}" if problem else ""
            return [f"The {file} has to wait.{what} {wording.WAITING}"]
        case PrivateNoteKind.FAILED:
            parts = (problem.what, problem.likely_cause, problem.fix) if problem else ("", "", "")
            failure = wording.failure(*map(wording.escape, parts))
            return [f"I could not deliver the {file}.", *failure]


def _why_refused(note: PrivateNote) -> str:
    reason = Reason(note.reason or Reason.REQUESTER_NOT_ALLOWED)
    if note.delivery_kind is DeliveryKind.TRANSCRIPT:
        return wording.why_no_transcript(reason, is_public=note.is_public)
    return wording.WHY_REFUSED[reason]
