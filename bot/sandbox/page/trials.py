"""Plays the story of the documents, and fault trials: whether each came out as expected."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.page.channel_recordings import ChannelRecordings, until
from bot.sandbox.page.product import Product, Scene
from bot.sandbox.page.scene import Form, Viewpoint, World
from bot.sandbox.person import SlackPerson

OTHER_TEAM: Final = "T0PARTNER0"


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault that the page offers."""

    name: str
    label: str
    expects: str


@dataclass(frozen=True, slots=True)
class TrialEnd:
    """The result of a trial, and its channel."""

    is_right: bool
    channel_id: str
    channel_name: str


TRIALS: Final = (
    Trial("breaks_off", "The recording breaks off", "It is fetched again and posted whole, once."),
    Trial("limited", "Slack answers 429", "The bot waits as told, and posts once."),
    Trial("lost", "Slack loses an answer", "The bot asks what became of it; nothing comes twice."),
    Trial("killed", "The worker is killed in mid-upload", "Started again, it posts once."),
    Trial("revoked", "The right is revoked now", "The redacted one takes its place."),
    Trial("joins", "Somebody uncleared joins", "The redacted one takes its place."),
    Trial("shared", "The channel is shared", "The raw recording is deleted."),
    Trial("public", "The channel is made public", "Whoever asks then gets redacted."),
    Trial(
        "forwarded",
        "The file is forwarded",
        "The raw recording is deleted everywhere, and the redacted one takes its place.",
    ),
    Trial("tampered", "An audit event is altered", "Verifying the chain names the event."),
)


class Trials:
    """Runs one trial at a time in a new private channel, and keeps the results."""

    def __init__(
        self,
        world: World,
        product: Product,
        people: SlackPerson,
        slack_faults: Faults,
        turn: asyncio.Lock,
    ) -> None:
        self._world = world
        self._product = product
        self._people = people
        self._slack_faults = slack_faults
        self._count = 0
        self._kills = 0
        self._turn = turn
        self._runs: dict[str, Callable[[ChannelRecordings], Awaitable[bool]]] = {
            "breaks_off": self._breaks_off,
            "limited": self._limited,
            "lost": self._lost,
            "killed": self._killed,
            "revoked": self._revoked,
            "joins": self._joins,
            "shared": self._shared,
            "public": self._public,
            "forwarded": self._forwarded,
            "tampered": self._tampered,
        }
        self.results: dict[str, TrialEnd | None] = {}
        """The results by name; None while a trial runs."""

    async def run(self, _place: Viewpoint, form: Form) -> None:
        """Run the chosen trial in a new channel, which the page then shows."""
        (name,) = form["trial"]
        if name not in self._runs:
            return
        async with self._turn:
            self._count += 1
            trial = next(each for each in TRIALS if each.name == name)
            channel_id, channel_name = f"C0TRIAL{self._count:03}", f"trial-{self._count}"
            self._world.workspace.add_channel(
                channel_id, members=[self._world.names.cleared], is_private=True
            )
            self._world.names.channels[channel_id] = (channel_name, trial.label)
            self.results[name] = None
            is_right = await self._runs[name](ChannelRecordings(self._world.workspace, channel_id))
            self.results[name] = TrialEnd(is_right, channel_id, channel_name)

    async def _ask(self, there: ChannelRecordings) -> None:
        names = self._world.names
        await self._people.command(names.cleared, there.channel_id, names.hint)

    async def _raw(self, there: ChannelRecordings) -> bool:
        await self._ask(there)
        return await until(there.shows_raw)

    async def _breaks_off(self, there: ChannelRecordings) -> bool:
        self._world.polyai.faults.add(Fault("audio", when="halfway", drop_connection=True))
        return await self._raw(there)

    async def _limited(self, there: ChannelRecordings) -> bool:
        fault = Fault("chat.postMessage", status=429, headers={"Retry-After": "1"})
        self._slack_faults.add(fault)
        return await self._raw(there)

    async def _lost(self, there: ChannelRecordings) -> bool:
        fault = Fault("files.completeUploadExternal", when="after", drop_connection=True)
        self._slack_faults.add(fault)
        return await self._raw(there)

    async def _killed(self, there: ChannelRecordings) -> bool:
        self._kills += 1
        self._slack_faults.add(Fault("upload", hang=True))
        await self._ask(there)
        await self._slack_faults.reached("upload", times=self._kills)
        await self._product.kill_worker()
        self._slack_faults.release("upload")
        was_hidden = not there.seen
        await self._product.start_worker()
        return was_hidden and await until(there.shows_raw)

    async def _revoked(self, there: ChannelRecordings) -> bool:
        was_raw = await self._raw(there)
        await self._administer("revoke {} pii")
        is_redacted = await until(lambda: there.holds(redacted=True))
        await self._administer("grant {} pii listens for call quality")
        return was_raw and is_redacted

    async def _administer(self, words: str) -> None:
        """Type an admin's command about the cleared person."""
        names = self._world.names
        text = words.format(f"<@{names.cleared}>")
        channel_id = next(iter(names.channels))
        await self._people.command(names.admin, channel_id, text, command="/callaudio-admin")

    async def _joins(self, there: ChannelRecordings) -> bool:
        was_raw = await self._raw(there)
        channel_id, user_id = there.channel_id, self._world.names.uncleared
        self._world.workspace.join(channel_id, user_id)
        await self._people.event(
            {"type": "member_joined_channel", "channel": channel_id, "user": user_id}
        )
        return was_raw and await until(lambda: there.holds(redacted=True))

    async def _shared(self, there: ChannelRecordings) -> bool:
        was_raw = await self._raw(there)
        channel_id = there.channel_id
        self._world.workspace.change_channel(channel_id, is_ext_shared=True)
        shared = {"type": "channel_shared", "channel": channel_id, "connected_team_id": OTHER_TEAM}
        await self._people.event(shared)
        return was_raw and await until(lambda: not there.seen)

    async def _public(self, there: ChannelRecordings) -> bool:
        self._world.workspace.change_channel(there.channel_id, is_private=False)
        await self._ask(there)
        return await until(lambda: there.holds(redacted=True))

    async def _forwarded(self, there: ChannelRecordings) -> bool:
        if not await self._raw(there):
            return False
        (file,) = there.seen
        names = self._world.names
        elsewhere = ChannelRecordings(self._world.workspace, list(names.channels)[1])
        await self._people.forward_file(names.cleared, file.id, elsewhere.channel_id)
        is_redacted = await until(lambda: there.holds(redacted=True))
        return is_redacted and not elsewhere.has_file(file.id)

    async def _tampered(self, there: ChannelRecordings) -> bool:
        return await self._raw(there) and bool(await self._product.found_after_tampering())


class Story:
    """Plays the story, one scene at a time, and keeps the outcome of each."""

    def __init__(self, product: Product, people: SlackPerson, turn: asyncio.Lock) -> None:
        self._product = product
        self._people = people
        self._turn = turn
        self.scenes: list[Scene] = []
        self.is_running = False

    async def play(self, _place: Viewpoint, _form: Form) -> None:
        """Play it from the beginning; no fault trial runs meanwhile."""
        async with self._turn:
            self.scenes.clear()
            self.is_running = True
            try:
                async for scene in self._product.story(self._people):
                    self.scenes.append(scene)
            finally:
                self.is_running = False
