"""The port to Slack that a delivery needs, and the values that cross it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from bot.errors import CallAudioError
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.kinds import DeliveryKind
from bot.recordings.shares import FileShares
from bot.recordings.waveform.spans import Spans


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the bot's own message of a delivery, its card, says while it is on its way."""

    delivery_id: str
    channel_id: str
    user_id: str
    conversation_id: str
    kind: DeliveryKind = DeliveryKind.AUDIO
    thread_ts: str | None = None
    """The thread it is a reply in; None: it is the parent of a thread of its own."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the card says, and offers, once the recording is there."""

    announcement: Announcement
    outcome: str
    reason: str
    direction: Direction
    size_bytes: int
    length_seconds: float | None
    call: CallFacts | None
    encoding: str | None = None
    """Its name, where a player may not know it."""
    deleted_at: datetime | None = None
    """When a raw recording is going to be taken back."""
    is_follow_up: bool = False
    """Whether the thread tells the facts of the call already."""
    is_confirmed: bool = True
    """Whether Slack shows the file."""
    muted: Spans | None = None
    """None: not known, or not to be told from silence."""
    has_picture: bool = False
    is_public: bool = False
    """Whether everybody in the workspace could open the conversation when it was decided."""
    is_for_all_here: bool = False
    """Whether it was decided that everybody in the conversation may hear raw."""
    replaced_because: str | None = None
    """Why the raw one was taken back that it stands in for; None: it stands for itself."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What the card says once its file is gone."""

    announcement: Announcement
    cause: str
    deleted_by: str | None = None
    """Who pressed *Delete*."""
    is_followed: bool = False
    """Whether the redacted one is on its way to the same card."""


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """A file id and the one-use address its bytes go to; the address is a bearer secret."""

    file_id: str
    url: SecretStr


@dataclass(frozen=True, slots=True)
class NewFile:
    """The shape of an upload before its first byte."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SharedPicture:
    """A picture that is shared with its recording."""

    file_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Share:
    """A completed upload to put into a thread; its picture goes with it or not at all."""

    file_id: str
    title: str
    channel_id: str
    thread_ts: str
    picture: SharedPicture | None = None


class PrivateNoteKind(StrEnum):
    """What a private note tells the requester."""

    REFUSED = "refused"
    REDACTED = "redacted"
    MOVED_TO_DM = "moved_to_dm"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure in words for people; holds no secret, URL, number or transcript."""

    code: str
    what: str
    likely_cause: str
    fix: str
    correlation_id: str | None = None

    @classmethod
    def of(cls, error: CallAudioError) -> "Problem":
        """Take the words out of an error."""
        return cls(error.code, error.what, error.likely_cause, error.fix, error.correlation_id)


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """Something only the requester sees."""

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


class ShareUnclear(CallAudioError):
    """Slack's answer to a share was lost: the file may be visible."""

    code = "share_unclear"
    what = "Slack did not say whether the recording was posted."
    likely_cause = "There is a problem at Slack, or in the network."
    fix = "Look at the thread in a few minutes before you ask again."


class SlackPort(Protocol):
    """The few things a delivery does in Slack; each raises ``CallAudioError`` if Slack refuses."""

    async def open_dm(self, user_id: str) -> str:
        """Open the bot's direct messages with a person; gives the channel id."""
        ...

    async def join(self, channel_id: str) -> None:
        """Join a public conversation."""
        ...

    async def announce(self, announcement: Announcement) -> str:
        """Post the card; gives its ts."""
        ...

    async def find_announcement(self, announcement: Announcement, since: datetime) -> str | None:
        """Look for our own card by its metadata, where that may be read."""
        ...

    async def show_progress(self, ts: str, announcement: Announcement, percent: int) -> None:
        """Say on the card how much has been fetched; never repeated by itself."""
        ...

    async def show_waiting(self, ts: str, announcement: Announcement, what: str) -> None:
        """Say on the card what it waits for; never repeated by itself."""
        ...

    async def show_delivered(self, ts: str, delivered: Delivered) -> None:
        """Put the facts and the buttons on the card."""
        ...

    async def show_taken_back(self, ts: str, taken_back: TakenBack) -> None:
        """Say on the card that the file is gone, and offer the redacted one where that helps."""
        ...

    async def withdraw(self, channel_id: str, ts: str) -> None:
        """Take a card back."""
        ...

    async def start_upload(self, file: NewFile) -> UploadTicket:
        """Ask for a place to upload to."""
        ...

    async def send(self, ticket: UploadTicket, file: NewFile, chunks: AsyncIterator[bytes]) -> None:
        """Stream the bytes; the file stays invisible."""
        ...

    async def share(self, share: Share) -> None:
        """Make the upload visible in the thread; never repeated by itself.

        Raises:
            ShareUnclear: it may have happened.
        """
        ...

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        """Tell the ts under which the file is visible in the conversation, or None."""
        ...

    async def is_left_out(self, file_id: str) -> bool:
        """Tell whether Slack is done with the file and yet shows it in no conversation."""
        ...

    async def file_shares(self, file_id: str) -> FileShares:
        """Tell where a file of ours is; one that is gone is nowhere."""
        ...

    async def delete_file(self, file_id: str) -> None:
        """Delete a file of ours; one that is already gone is fine."""
        ...

    async def notify(self, note: PrivateNote) -> None:
        """Tell the requester, and nobody else."""
        ...
