"""Faults to throw at the bot: what each should come to, and whether it did."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.sandbox import recordings
from bot.sandbox.faults import Fault, Faults
from bot.sandbox.objects import File
from bot.sandbox.page.product import Product
from bot.sandbox.page.scene import World
from bot.sandbox.person import SlackPerson

PATIENCE_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.1
OTHER_TEAM: Final = "T0PARTNER0"


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault as the page offers it."""

    name: str
    label: str
    expects: str


TRIALS: Final = (
    Trial("breaks_off", "The recording breaks off", "It is fetched again and posted whole, once."),
    Trial("limited", "Slack answers 429", "The bot waits as told, and posts once."),
    Trial("lost", "Slack loses an answer", "The bot asks what became of it; nothing comes twice."),
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
    """Runs each fault in a fresh private channel, and keeps how it ended."""

    def __init__(
        self, world: World, product: Product, people: SlackPerson, slack_faults: Faults
    ) -> None:
        self._world = world
        self._product = product
        self._people = people
        self._slack_faults = slack_faults
        self._count = 0
        self._runs: dict[str, Callable[[str], Awaitable[bool]]] = {
            "breaks_off": self._breaks_off,
            "limited": self._limited,
            "lost": self._lost,
            "joins": self._joins,
            "shared": self._shared,
            "public": self._public,
            "forwarded": self._forwarded,
            "tampered": self._tampered,
        }
        self.results: dict[str, bool] = {}
        """By name: whether it ended as the rules say."""

    async def run(self, name: str) -> None:
        """Throw one fault and check what comes of it, in a channel that is then offered."""
        self._count += 1
        trial = next(each for each in TRIALS if each.name == name)
        channel_id = f"C0TRIAL{self._count:03}"
        self._world.workspace.add_channel(channel_id, members=[self._asker], is_private=True)
        self._world.names.channels[channel_id] = (f"trial-{self._count}", trial.label)
        self.results.pop(name, None)
        self.results[name] = await self._runs[name](channel_id)

    @property
    def _asker(self) -> str:
        return next(iter(self._world.names.people))

    @property
    def _uncleared(self) -> str:
        return list(self._world.names.people)[1]

    async def _ask(self, channel_id: str) -> None:
        await self._people.command(self._asker, channel_id, self._world.names.hint)

    async def _breaks_off(self, channel_id: str) -> bool:
        self._world.polyai.faults.add(Fault("audio", when="halfway", drop_connection=True))
        return await self._comes_once(channel_id)

    async def _limited(self, channel_id: str) -> bool:
        fault = Fault("chat.postMessage", status=429, headers={"Retry-After": "1"})
        self._slack_faults.add(fault)
        return await self._comes_once(channel_id)

    async def _lost(self, channel_id: str) -> bool:
        fault = Fault("files.completeUploadExternal", when="after", drop_connection=True)
        self._slack_faults.add(fault)
        return await self._comes_once(channel_id)

    async def _joins(self, channel_id: str) -> bool:
        await self._raw(channel_id)
        self._world.workspace.join(channel_id, self._uncleared)
        joined = {"type": "member_joined_channel", "channel": channel_id, "user": self._uncleared}
        await self._people.event(joined)
        return await _until(lambda: not self._seen(channel_id))

    async def _shared(self, channel_id: str) -> bool:
        await self._raw(channel_id)
        self._world.workspace.change_channel(channel_id, is_ext_shared=True)
        shared = {"type": "channel_shared", "channel": channel_id, "connected_team_id": OTHER_TEAM}
        await self._people.event(shared)
        return await _until(lambda: not self._seen(channel_id))

    async def _public(self, channel_id: str) -> bool:
        self._world.workspace.change_channel(channel_id, is_private=False)
        await self._ask(channel_id)
        return await _until(lambda: self._holds(channel_id, redacted=True))

    async def _forwarded(self, channel_id: str) -> bool:
        await self._raw(channel_id)
        (file,) = self._seen(channel_id)
        elsewhere = list(self._world.names.channels)[1]
        await self._people.forward_file(self._asker, file.id, elsewhere)
        return await _until(lambda: not self._seen(channel_id) and not self._has(elsewhere, file))

    async def _tampered(self, channel_id: str) -> bool:
        await self._raw(channel_id)
        return bool(await self._product.found_after_tampering())

    async def _raw(self, channel_id: str) -> None:
        """Wait for a raw recording, and for its card to say so: the bot has then stored its end."""
        await self._ask(channel_id)
        messages = self._world.workspace.messages
        await _until(
            lambda: (
                self._holds(channel_id, redacted=False)
                and any(each.edited for each in messages(channel_id))
            )
        )

    async def _comes_once(self, channel_id: str) -> bool:
        await self._raw(channel_id)
        return self._holds(channel_id, redacted=False)

    def _seen(self, channel_id: str) -> Sequence[File]:
        return self._world.workspace.visible_recordings(channel_id)

    def _has(self, channel_id: str, file: File) -> bool:
        return any(each.id == file.id for each in self._seen(channel_id))

    def _holds(self, channel_id: str, *, redacted: bool) -> bool:
        """Whether one recording is there, byte for byte, shared once."""
        whole = recordings.load("combined", redacted=redacted)
        seen = self._seen(channel_id)
        return [(file.content, file.completed_times) for file in seen] == [(whole, 1)]


async def _until(holds: Callable[[], bool]) -> bool:
    for _ in range(round(PATIENCE_SECONDS / LOOK_SECONDS)):
        if holds():
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False
