"""The objects of a Slack workspace, as immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Blocks = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class User:
    """A person or a bot; ``omit`` names the flags ``users.info`` leaves out."""

    id: str
    team_id: str
    is_bot: bool = False
    deleted: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    omit: frozenset[str] = frozenset()
    tz: str | None = None


@dataclass(frozen=True)
class Channel:
    """A conversation of any kind; ``members`` are all except the app's own bot."""

    id: str
    members: tuple[str, ...] = ()
    is_private: bool = False
    is_im: bool = False
    is_mpim: bool = False
    is_ext_shared: bool = False
    is_pending_ext_shared: bool = False
    is_org_shared: bool = False
    is_archived: bool = False
    is_read_only: bool = False
    bot_is_member: bool = True
    omit: frozenset[str] = frozenset()

    @property
    def family(self) -> Literal["channels", "groups", "im", "mpim"]:
        """The first half of the scopes that open this kind of conversation."""
        if self.is_im:
            return "im"
        if self.is_mpim:
            return "mpim"
        return "groups" if self.is_private else "channels"


@dataclass(frozen=True)
class Message:
    """One visible message; ``thread_ts`` is set on replies only."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: Blocks = ()
    metadata: Mapping[str, Any] | None = None
    thread_ts: str | None = None
    files: tuple[str, ...] = ()
    edited: bool = False
    visible_at: float = 0.0


@dataclass(frozen=True)
class Ephemeral:
    """A message that one person saw, and how it was sent."""

    channel: str
    user: str
    text: str
    blocks: Blocks = ()
    ts: str = ""
    via: Literal["chat.postEphemeral", "response_url", "ack"] = "chat.postEphemeral"


@dataclass(frozen=True)
class FileShare:
    """One message with a file; ``user`` posted it."""

    channel: str
    ts: str
    user: str
    thread_ts: str | None = None


@dataclass(frozen=True)
class File:
    """A file from its upload URL on; ``content`` is empty when larger than ``keep_bytes``.

    ``forwards`` are the messages by which people forwarded it, without the app's own share.
    """

    id: str
    name: str
    title: str
    length: int
    sha256: str = ""
    content: bytes = field(default=b"", repr=False)
    uploaded: bool = False
    completed_times: int = 0
    deleted: bool = False
    channel: str | None = None
    thread_ts: str | None = None
    share_ts: str | None = None
    visible_at: float = 0.0
    alt_text: str = ""
    forwards: tuple[FileShare, ...] = ()
    has_public_link: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether Slack treats it as an image, judged by its name only."""
        return self.name.endswith(".png")


@dataclass(frozen=True)
class View:
    """The current state of a modal or an App Home."""

    id: str
    user: str
    body: Mapping[str, Any]
    hash: str


@dataclass(frozen=True)
class Call:
    """One Web API call: ``status`` is ``ok``, Slack's error code, ``fault`` or ``received``."""

    method: str
    arguments: Mapping[str, Any]
    at: float
    status: str
