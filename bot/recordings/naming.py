"""What a delivery is called: on its message, as a file, and below it."""

from bot.polyai.payloads import Direction
from bot.recordings.delivery_store import Delivery
from bot.recordings.slack_port import Announcement


def announcement_of(delivery: Delivery) -> Announcement:
    """Spell the message that tells of a delivery."""
    return Announcement(
        delivery_id=delivery.id,
        channel_id=destination_of(delivery),
        user_id=delivery.user_id,
        conversation_id=delivery.conversation_id,
        kind=delivery.kind,
        thread_ts=delivery.asked_thread_ts,
    )


def file_name(delivery: Delivery) -> str:
    """Name the file after the conversation, its side and its variant, and nothing personal."""
    if delivery.is_transcript:
        return f"{delivery.conversation_id}-transcript.txt"
    return f"{_variant_of(delivery)}.wav"


def picture_name(delivery: Delivery) -> str:
    """Name the picture of its waveform alike."""
    return f"{_variant_of(delivery)}.png"


def _variant_of(delivery: Delivery) -> str:
    side = "" if delivery.direction is Direction.COMBINED else f"-{delivery.direction.value}"
    variant = "raw" if delivery.is_raw else "redacted"
    return f"{delivery.conversation_id}{side}-{variant}"


def title_of(delivery: Delivery) -> str:
    """Entitle the file as the thread shows it."""
    said = delivery.kind.value if delivery.is_transcript else delivery.outcome
    return f"{delivery.conversation_id} ({said})"


def destination_of(delivery: Delivery) -> str:
    """Name the conversation it goes to.

    Raises:
        LookupError: that is not settled yet.
    """
    if delivery.channel_id is None:
        msg = f"delivery {delivery.id} has no destination yet"
        raise LookupError(msg)
    return delivery.channel_id
