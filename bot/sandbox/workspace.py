"""One Slack workspace as state: people, conversations, messages, files, and the calls made."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from bot.sandbox.content import Breach, check_message, check_view
from bot.sandbox.objects import Call, Ephemeral, File, FileShare, Message, View
from bot.sandbox.passes import Passes
from bot.sandbox.published_limits import PUBLISHED_LIMITS
from bot.sandbox.roster import Roster

BOT_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "files:write",
        "files:read",
        "channels:read",
        "groups:read",
        "im:read",
        "mpim:read",
        "im:write",
        "mpim:write",
        "users:read",
        "channels:join",
        "usergroups:read",
    }
)
TRIGGER_SECONDS = 3
RESPONSE_URL_SECONDS = 30 * 60
RESPONSE_URL_USES = 5


class Workspace(Roster):
    """The state that both sides read; no I/O. Settings are attributes that may change any time."""

    def __init__(
        self,
        team_id: str = "T0CALLAUDIO",
        scopes: Iterable[str] = BOT_SCOPES,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(team_id, "U0CALLAUDIO")
        self.app_id = "A0CALLAUDIO"
        self.bot_id = "B0CALLAUDIO"
        # Made up: these open nothing but this stand-in.
        self.bot_token, self.app_token = "xoxb-sandbox-bot-token", "xapp-sandbox-app-token"
        self.signing_secret = "sandbox-signing-secret"  # noqa: S105 - as above
        self.scopes = set(scopes)
        self.clock = clock
        self.passes = Passes(clock)
        self.origin = ""
        """Set by the server while it runs."""
        self.keep_bytes = 64 * 2**20
        self.largest_file_bytes = 10**9
        self.upload_url_seconds = 600.0
        self.upload_answer = "OK - {length}"
        """The answer to an upload: undocumented, so a plain ``OK`` or JSON must work as well."""
        self.visibility_delay_seconds = 0.0
        self.never_shown: Callable[[File], bool] = lambda file: bool(file.alt_text)
        """Files that are accepted but never shown, nor those shared with them: as reported, all
        that have an ``alt_txt`` (python-slack-sdk#1818)."""
        self.second_completion_error = "file_update_failed"
        self.rate_limits: dict[str, int] = {}
        """Calls per minute and method; methods not named are not limited."""
        self.limit_window_seconds = 60.0
        """The length of a minute for these limits."""
        self.posts_apart_seconds = 0.0
        """The minimum interval between posts in one conversation; 0: none."""
        self.unknown_blocks: set[str] = set()
        """Types of blocks that this workspace refuses as ``invalid_blocks``."""
        self.tells_unseen_shares = False
        """Whether ``files.info`` names conversations with the file that the app cannot see."""
        self.allows_public_links = True
        self.has_app = True
        """Whether the app is installed; without it the token is refused."""
        self.file_table: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.ephemerals: list[Ephemeral] = []
        self.calls: list[Call] = []
        self.violations: list[str] = []
        """Faults of the app, e.g. a token in a query string."""
        self._last_ts = 0
        self._last_number = 0

    def enforce_published_limits(self, scale: float = 1.0) -> None:
        """Enforce Slack's published limits, with minutes of ``scale`` times their length."""
        self.rate_limits = dict(PUBLISHED_LIMITS)
        self.limit_window_seconds, self.posts_apart_seconds = 60.0 * scale, scale

    def change_channel_id(self, old_id: str, new_id: str) -> None:
        """Change the id of a conversation, as Slack may when it is shared."""
        self.channels[new_id] = replace(self.channels.pop(old_id), id=new_id)
        said = self.timeline.pop(old_id)
        self.timeline[new_id] = {ts: replace(each, channel=new_id) for ts, each in said.items()}
        for file in self.files:
            moved = tuple(
                replace(share, channel=new_id) if share.channel == old_id else share
                for share in file.forwards
            )
            channel = new_id if file.channel == old_id else file.channel
            self.file_table[file.id] = replace(file, channel=channel, forwards=moved)

    def say(
        self, channel_id: str, user_id: str, text: str, *, thread_ts: str | None = None
    ) -> Message:
        """Post a person's message."""
        return self.post(channel_id, user_id, text, thread_ts=thread_ts)

    def forward(self, file_id: str, user_id: str, channel_id: str) -> Message:
        """Forward an existing file to another conversation.

        Raises:
            ValueError: the person cannot see the file, or cannot post there.
        """
        channel = self.channels[channel_id]
        if not self.sees_file(user_id, file_id):
            raise ValueError(f"{user_id} sees no file {file_id}")
        if user_id not in channel.members or channel.is_archived or channel.is_read_only:
            raise ValueError(f"{user_id} cannot post in {channel_id}")
        message = self.post(channel_id, user_id, files=(file_id,))
        file = self.file_table[file_id]
        share = FileShare(channel_id, message.ts, user_id)
        self.file_table[file_id] = replace(file, forwards=(*file.forwards, share))
        return message

    def publish_link(self, file_id: str, user_id: str) -> None:
        """Create a public link, by which anybody on the internet can open the file.

        Raises:
            ValueError: the person cannot see the file, or the workspace does not allow it.
        """
        if not self.allows_public_links or not self.sees_file(user_id, file_id):
            raise ValueError(f"{user_id} cannot publish {file_id}")
        self.file_table[file_id] = replace(self.file_table[file_id], has_public_link=True)

    def sees_file(self, user_id: str, file_id: str) -> bool:
        """Return whether a person can open the file in any conversation."""
        return any(
            file.id == file_id and (not channel.is_private or user_id in channel.members)
            for channel in self.channels.values()
            for file in self.visible_files(channel.id)
        )

    def post(
        self,
        channel_id: str,
        user_id: str,
        text: str = "",
        **about: Any,  # noqa: ANN401 - the dataclass checks the names
    ) -> Message:
        """Store a message with a new ``ts``; ``about`` are fields of ``Message``."""
        message = Message(channel_id, self.next_ts(), user_id, text, **about)
        self.timeline[channel_id][message.ts] = message
        return message

    def messages(self, channel_id: str, thread_ts: str | None = None) -> list[Message]:
        """Return the visible messages with replies, oldest first; or one thread with its parent."""
        said, now = self.timeline.get(channel_id, {}), self.clock()
        shown = [message for message in said.values() if message.visible_at <= now]
        return [m for m in shown if thread_ts is None or thread_ts in (m.ts, m.thread_ts)]

    def thread_of(self, message: Message) -> str | None:
        """Return Slack's ``thread_ts``: a parent with replies has its own ``ts``."""
        replies = any(m.thread_ts == message.ts for m in self.timeline[message.channel].values())
        return message.ts if replies else message.thread_ts

    @property
    def files(self) -> list[File]:
        """Every file, also those never completed or since deleted."""
        return list(self.file_table.values())

    @property
    def recordings(self) -> list[File]:
        """The files that are not pictures, also those never completed or since deleted."""
        return [file for file in self.files if not file.is_picture]

    def visible_recordings(self, channel_id: str, thread_ts: str | None = None) -> list[File]:
        """Return the visible files that are not pictures."""
        visible = self.visible_files(channel_id, thread_ts)
        return [file for file in visible if not file.is_picture]

    def visible_files(self, channel_id: str, thread_ts: str | None = None) -> list[File]:
        """Return the files that people in the conversation see now."""
        return [
            file
            for file in self.file_table.values()
            if file.completed_times
            and not file.deleted
            and file.visible_at <= self.clock()
            and any(
                share.channel == channel_id and thread_ts in (None, share.thread_ts)
                for share in self.shares_of(file)
            )
        ]

    def shares_of(self, file: File) -> tuple[FileShare, ...]:
        """Return every message with the file, the app's own first."""
        if file.channel is None:
            return file.forwards
        own = FileShare(file.channel, file.share_ts or "", self.bot_user_id, file.thread_ts)
        return (own, *file.forwards)

    def called(self, method: str) -> list[Call]:
        """Return the calls of one method, oldest first."""
        return [call for call in self.calls if call.method == method]

    def show(self, ephemeral: Ephemeral) -> Ephemeral:
        """Record a message that one person saw."""
        shown = replace(ephemeral, ts=self.next_ts())
        self.ephemerals.append(shown)
        return shown

    def show_answer(
        self,
        channel_id: str,
        user_id: str,
        body: Mapping[str, Any],
        *,
        via: Literal["response_url", "ack"] = "ack",
    ) -> Breach | None:
        """Show the app's answer to a person, or to all with ``response_type: in_channel``.

        Returns why Slack would refuse it; None once it is shown.
        """
        breach = check_message(body, unknown=self.unknown_blocks)
        if breach:
            self.note_breach(via, breach)
            return breach
        text, blocks = str(body.get("text") or ""), tuple(body.get("blocks") or ())
        if body.get("response_type") == "in_channel":
            thread_ts = body.get("thread_ts") or None
            self.post(channel_id, self.bot_user_id, text, blocks=blocks, thread_ts=thread_ts)
        else:
            self.show(Ephemeral(channel_id, user_id, text, blocks, via=via))
        return None

    def view(self, view_id: str) -> View:
        """Return a modal or an App Home by its id; KeyError if there is none."""
        homes = {home.id: home for home in self.homes.values()}
        return {**homes, **self.views}[view_id]

    def check_view(self, view: object, kind: Literal["modal", "home"]) -> Breach | None:
        """Check a view against the limits, and against the existing files."""
        return check_view(view, kind, is_picture=self.shows_picture, unknown=self.unknown_blocks)

    def shows_picture(self, file_id: str) -> bool:
        """Return whether a file is a processed, existing picture."""
        file = self.file_table.get(file_id)
        if file is None or file.deleted or not file.completed_times:
            return False
        return file.is_picture and file.visible_at <= self.clock()

    def note_breach(self, way: str, breach: Breach) -> None:
        """Record a breach, if it is a fault of the app."""
        if breach.is_fault:
            self.violations.append(f"{way}: {breach}")

    def issue_trigger(self, user_id: str, modal_id: str = "") -> str:
        """Issue a trigger id, also for a press in a modal: valid for three seconds and one view."""
        return self.passes.issue("trigger", seconds=TRIGGER_SECONDS, user=user_id, modal=modal_id)

    def issue_response_url(self, user_id: str, channel_id: str) -> str:
        """Issue a response URL, valid for 30 minutes and five uses."""
        secret = self.passes.issue(
            "response_url",
            seconds=RESPONSE_URL_SECONDS,
            uses=RESPONSE_URL_USES,
            user=user_id,
            channel=channel_id,
        )
        return f"{self.origin}/commands/{self.team_id}/{secret}"

    def next_ts(self) -> str:
        """Return a new message timestamp, unique and increasing."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def next_id(self, prefix: str) -> str:
        """Return a new id in Slack's format."""
        self._last_number += 1
        return f"{prefix}0SANDBOX{self._last_number:03d}"
