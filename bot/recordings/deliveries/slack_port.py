"""The port of deliveries to Slack, and the values that cross it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.delivery import DeliveryKind, Problem
from bot.recordings.deliveries.shares import FileShares


@dataclass(frozen=True, slots=True)
class Announcement:
    """The content of a delivery's card until its end."""

    delivery_id: str
    channel_id: str
    user_id: str
    conversation_id: str
    kind: DeliveryKind = DeliveryKind.AUDIO
    thread_ts: str | None = None
    """The thread of the card; None: the card is the parent of its own thread."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The content of the card after the recording was delivered."""

    announcement: Announcement
    outcome: str
    reason: str
    direction: Direction
    size_bytes: int
    length_seconds: float | None
    call: CallFacts | None
    encoding: str | None = None
    """The name of an encoding that players may not support."""
    deleted_at: datetime | None = None
    """When a raw recording will be deleted."""
    is_follow_up: bool = False
    """Whether another card of the thread shows the facts of the call."""
    is_confirmed: bool = True
    """Whether Slack shows the file."""
    muted: SpanSummary | None = None
    """None: unknown, or indistinguishable from silence."""
    has_picture: bool = False
    is_public: bool = False
    """Whether everybody in the workspace could open the conversation when it was decided."""
    is_for_all_here: bool = False
    """Whether it was decided that everybody in the conversation may hear raw."""
    replaced_because: str | None = None
    """Why the raw recording that it replaces was taken back; None: it replaces none."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The content of the card after its file was deleted."""

    announcement: Announcement
    cause: str
    deleted_by: str | None = None
    """Who pressed *Delete*."""
    is_followed: bool = False
    """Whether the redacted recording follows on the same card."""


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """A file id and the one-use URL for its bytes; the URL is a bearer secret."""

    file_id: str
    url: SecretStr


@dataclass(frozen=True, slots=True)
class NewFile:
    """The name and size of an upload, needed before its first byte."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SharedPicture:
    """A picture that is shared with its recording."""

    file_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Share:
    """An upload to be shared in a thread, together with its picture, if any."""

    file_id: str
    title: str
    channel_id: str
    thread_ts: str
    picture: SharedPicture | None = None


class PrivateNoteKind(StrEnum):
    """The subject of a private note to the requester."""

    REFUSED = "refused"
    REDACTED = "redacted"
    MOVED_TO_DM = "moved_to_dm"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """A message that only the requester sees."""

    kind: PrivateNoteKind
    delivery_id: str
    user_id: str
    channel_id: str
    conversation_id: str
    response_url: SecretStr | None
    reason: str | None = None
    problem: Problem | None = None
    delivery_kind: DeliveryKind = DeliveryKind.AUDIO
    is_public: bool = False
    """Whether everybody in the workspace could open the destination when it was decided."""


class SlackPort(Protocol):
    """The calls of a delivery to Slack; each raises ``CallAudioError`` if Slack refuses."""

    async def open_dm(self, user_id: str) -> str:
        """Open the bot's direct messages with a person; returns the channel id."""
        ...

    async def join(self, channel_id: str) -> None:
        """Join a public conversation."""
        ...

    async def announce(self, announcement: Announcement) -> str:
        """Post the card; returns its ts."""
        ...

    async def find_announcement(self, announcement: Announcement, since: datetime) -> str | None:
        """Find the card by its metadata; None without the history scope."""
        ...

    async def show_progress(self, ts: str, announcement: Announcement, percent: int) -> None:
        """Show on the card how much has been fetched; never retried automatically."""
        ...

    async def show_waiting(self, ts: str, announcement: Announcement, what: str) -> None:
        """Show on the card what the delivery waits for; never retried automatically."""
        ...

    async def show_delivered(self, ts: str, delivered: Delivered) -> None:
        """Put the facts and the buttons on the card."""
        ...

    async def show_taken_back(self, ts: str, taken_back: TakenBack) -> None:
        """Show on the card that the file is gone, and offer the redacted one if that helps."""
        ...

    async def withdraw(self, channel_id: str, ts: str) -> None:
        """Delete a card."""
        ...

    async def start_upload(self, file: NewFile) -> UploadTicket:
        """Request an upload URL."""
        ...

    async def send(self, ticket: UploadTicket, file: NewFile, chunks: AsyncIterator[bytes]) -> None:
        """Stream the bytes; the file stays invisible."""
        ...

    async def await_share_turn(self) -> None:
        """Wait until Slack's limits allow one more share.

        Raises:
            CallAudioError: it would take too long; try again later.
        """
        ...

    async def share(self, share: Share) -> None:
        """Make the upload visible in the thread, at once; never retried automatically.

        The caller awaits a turn first, so that nothing waits between the decision and the share.

        Raises:
            ShareUnclear: it may have taken effect.
        """
        ...

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        """Return the ts under which the file is visible in the conversation, or None."""
        ...

    async def is_left_out(self, file_id: str, channel_id: str) -> bool:
        """Return whether Slack has processed the file and yet shows it in no conversation.

        ``channel_id``: the conversation in which it may be visible; there must be proof that it is
        not.
        """
        ...

    async def file_shares(self, file_id: str, shown_in: str | None = None) -> FileShares:
        """Return where a file of ours is shared; a deleted file is shared nowhere.

        ``shown_in``: the conversation in which it may be visible unless it is provably deleted.
        """
        ...

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        """Delete a file of ours; an already deleted file is no error.

        ``shown_in``: the conversation in which it may be visible; there must be proof that it is
        not.
        """
        ...

    async def notify(self, note: PrivateNote) -> None:
        """Send the note to the requester only."""
        ...
