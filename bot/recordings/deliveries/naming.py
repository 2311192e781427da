"""What Slack is told of a delivery: its card, private notes, the names and title of its files."""

from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import Delivery, Problem
from bot.recordings.deliveries.slack_port import Announcement, PrivateNote, PrivateNoteKind


def announcement_of(delivery: Delivery) -> Announcement:
    """Build the content of the card."""
    return Announcement(
        delivery_id=delivery.id,
        channel_id=destination_of(delivery),
        user_id=delivery.user_id,
        conversation_id=delivery.conversation_id,
        kind=delivery.kind,
        thread_ts=delivery.asked_thread_ts,
    )


def private_note_of(
    delivery: Delivery, kind: PrivateNoteKind, problem: Problem | None = None
) -> PrivateNote:
    """Build a private note to the requester."""
    return PrivateNote(
        kind=kind,
        delivery_id=delivery.id,
        user_id=delivery.user_id,
        channel_id=delivery.origin_channel_id,
        conversation_id=delivery.conversation_id,
        response_url=delivery.response_url,
        reason=delivery.reason,
        problem=problem,
        delivery_kind=delivery.kind,
        is_public=delivery.destination_is_private is False,
    )


def file_name(delivery: Delivery) -> str:
    """Build the file name from conversation, side and variant, without personal data."""
    if delivery.is_transcript:
        return f"{delivery.conversation_id}-transcript.txt"
    return f"{_variant_of(delivery)}.wav"


def picture_name(delivery: Delivery) -> str:
    """Build the file name of the waveform picture."""
    return f"{_variant_of(delivery)}.png"


def _variant_of(delivery: Delivery) -> str:
    side = "" if delivery.direction is Direction.COMBINED else f"-{delivery.direction.value}"
    variant = "raw" if delivery.is_raw else "redacted"
    return f"{delivery.conversation_id}{side}-{variant}"


def title_of(delivery: Delivery) -> str:
    """Build the title of the file in the thread."""
    said = delivery.kind.value if delivery.is_transcript else delivery.outcome
    return f"{delivery.conversation_id} ({said})"


def destination_of(delivery: Delivery) -> str:
    """Return the destination of a delivery.

    Raises:
        LookupError: the destination is not determined yet.
    """
    if delivery.channel_id is None:
        msg = f"delivery {delivery.id} has no destination yet"
        raise LookupError(msg)
    return delivery.channel_id
