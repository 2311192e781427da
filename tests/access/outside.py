"""Slack and PolyAI in memory: people, conversations, groups, files, recordings."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache

import httpx
from pydantic import SecretStr

from bot.access.directory import Conversation, MemberPage
from bot.access.policy import Standing
from bot.errors import CallAudioError
from bot.polyai.agents import Agent
from bot.recordings.deliveries.shares import FileShares, SharedIn
from bot.recordings.deliveries.slack_errors import ConversationUnseen, FileUnseen, ShareUnclear
from bot.recordings.deliveries.slack_port import (
    Announcement,
    NewFile,
    Share,
    TakenBack,
    UploadTicket,
)
from bot.recordings.waveform.scan import Waveform, WaveformScan
from bot.sandbox import recordings

RAW, REDACTED = (recordings.load("user", redacted=redacted) for redacted in (False, True))
# A drawing here only says whether it shows audio that only the raw recording contains.
RAW_PICTURE, REDACTED_PICTURE = b"drawn from raw", b"drawn from redacted"
PLAIN_KEY, RAW_KEY = "PlainKeyOfTheModel0123456789abcd", "RawKeyOfTheModel0123456789abcdef"
AGENT = Agent(
    name="default",
    agent_id="PROJECT-MODEL",
    region="us",
    base_url="https://polyai.invalid",
    api_key=SecretStr(PLAIN_KEY),
    pii_api_key=SecretStr(RAW_KEY),
)


@dataclass
class Channel:
    members: set[str]
    is_external: bool | None = False
    is_private: bool | None = True
    im_user_id: str | None = None
    """The person of these direct messages with the bot."""


@dataclass
class World:
    """The state of Slack; ``away`` names the calls that get no answer now."""

    standing: dict[str, Standing]
    channels: dict[str, Channel]
    groups: dict[str, set[str]]
    away: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def ask(self, question: str, error: type[CallAudioError] = CallAudioError) -> None:
        self.asked.append(question)
        if question in self.away:
            raise error


class Unanswered(CallAudioError):
    """Slack did not answer this call."""

    retryable = True


class WorldDirectory:
    """Slack's people and conversations; two members to a page."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def conversation(self, channel_id: str) -> Conversation:
        self._world.ask("conversation", Unanswered)
        channel = self._world.channels.get(channel_id)
        if channel is None:
            raise ConversationUnseen
        return Conversation(
            channel_id=channel_id,
            is_external=channel.is_external,
            is_im=channel.im_user_id is not None,
            im_user_id=channel.im_user_id,
            is_private=channel.is_private,
            is_archived=False,
            bot_is_member=True,
            member_count=len(channel.members),
        )

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        self._world.ask("members")
        everyone = sorted(self._world.channels[channel_id].members)
        start = int(cursor or 0)
        following = str(start + 2) if start + 2 < len(everyone) else None
        return MemberPage(tuple(everyone[start : start + 2]), following)

    async def standing(self, user_id: str) -> Standing:
        self._world.ask("standing")
        return self._world.standing[user_id]


class WorldGroups:
    """Slack's user groups."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def members(self, team_id: str, group_id: str) -> frozenset[str]:
        assert team_id.startswith("T"), "Slack needs the workspace"
        self._world.ask(f"group {group_id}")
        self._world.ask("group")
        return frozenset(self._world.groups[group_id])


@dataclass
class File:
    channel_id: str
    is_raw: bool
    """Decided by its bytes, not by its title."""
    asked_by: str = ""
    elsewhere: tuple[str, ...] = ()
    """The channels it was forwarded to."""
    ts: str = "9.0"
    """When it was shared, or a text that is no time."""
    has_public_link: bool | None = False
    is_told_whole: bool = True
    is_found: bool = True
    """Whether Slack shows the app that the file exists."""
    is_hidden: bool = False
    """Whether Slack does not find it for a deletion either."""


def draw_whether_raw(outline: Waveform, _word: str | None) -> bytes:
    """Return from the outline which variant it was drawn from."""
    raw = outline_of(RAW)
    is_raw = outline.highs.tobytes() == raw.highs.tobytes()
    return RAW_PICTURE if is_raw else REDACTED_PICTURE


@cache
def outline_of(body: bytes) -> Waveform:
    scan = WaveformScan()
    scan.feed(body)
    outline = scan.finish()
    assert outline is not None
    return outline


async def nothing() -> None:
    """A hook that runs during a call."""


@dataclass
class WorldPosting:
    """Slack's messages and files."""

    world: World
    visible: dict[str, File] = field(default_factory=dict)
    on_share: Callable[[File], None] = lambda _: None
    meanwhile: Callable[[], Awaitable[None]] = nothing
    """A hook that runs during a transfer."""
    taken_back: list[str] = field(default_factory=list)
    cards: dict[str, TakenBack] = field(default_factory=dict)
    """What the cards of deleted files show, by their ts."""
    deleted: list[tuple[str, str | None]] = field(default_factory=list)
    """The deleted files, with the conversation from which each must provably be gone."""
    _is_raw: dict[str, bool] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def open_dm(self, user_id: str) -> str:
        return f"D{user_id[1:]}"

    async def _unseen(self, *_: object) -> None:
        """A call after which nothing here looks different."""

    join = show_progress = show_delivered = withdraw = notify = await_share_turn = _unseen

    async def announce(self, _: Announcement) -> str:
        return f"{next(self._numbers)}.000000"

    async def find_announcement(self, *_: object) -> None:
        return None

    async def show_taken_back(self, ts: str, taken_back: TakenBack) -> None:
        self.world.ask("card", Unanswered)
        self.taken_back.append(taken_back.cause)
        self.cards[ts] = taken_back

    async def start_upload(self, _: NewFile) -> UploadTicket:
        return UploadTicket(f"F{next(self._numbers)}", SecretStr("https://upload.invalid"))

    async def send(self, ticket: UploadTicket, file: NewFile, chunks: AsyncIterator[bytes]) -> None:
        content = b"".join([chunk async for chunk in chunks])
        self._is_raw[ticket.file_id] = content in (RAW, RAW_PICTURE)
        if file.name.endswith(".wav"):
            await self.meanwhile()

    async def share(self, share: Share) -> None:
        self.world.ask("share")
        if "share is lost" in self.world.away:
            raise ShareUnclear
        for each in (share, share.picture):
            if each:
                self._show(each.file_id, share.channel_id)
        if "answer to share is lost" in self.world.away:
            raise ShareUnclear

    def _show(self, file_id: str, channel_id: str) -> None:
        file = File(channel_id, is_raw=self._is_raw[file_id])
        if file_id not in self.visible:
            self.on_share(file)
        self.visible[file_id] = file

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        self.world.ask("find")
        file = self.visible.get(file_id)
        return "9.000000" if file and file.channel_id == channel_id else None

    async def is_left_out(self, *_: object) -> bool:
        self.world.ask("find")
        return False

    async def file_shares(self, file_id: str, shown_in: str | None = None) -> FileShares:
        self.world.ask("shares")
        file = self.visible.get(file_id)
        if file and not file.is_found and shown_in:
            raise FileUnseen
        if file is None or not file.is_found:
            return FileShares()
        places = tuple(
            SharedIn(each, file.ts, "U0ALICE") for each in (file.channel_id, *file.elsewhere)
        )
        return FileShares(places, file.has_public_link, file.is_told_whole)

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        self.world.ask("delete")
        file = self.visible.get(file_id)
        if file and file.is_hidden and shown_in:
            raise FileUnseen
        self.deleted.append((file_id, shown_in))
        self.visible.pop(file_id, None)


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def polyai() -> httpx.AsyncClient:
    """A PolyAI whose plain key never returns raw; it has no facts of calls."""

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/audio"):
            return httpx.Response(404, stream=_Body(b"{}"))
        wants_raw = request.url.params["redacted"] == "false"
        has_raw_key = RAW_KEY in str(list(request.headers.values()))
        body = RAW if wants_raw and has_raw_key else REDACTED
        return httpx.Response(200, stream=_Body(body), headers={"content-type": "audio/wav"})

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))
