"""People's actions: commands, buttons and take-backs, repeated if no answer came."""

import asyncio
import math
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from bot.sandbox.delivery import Ack
from bot.sandbox.objects import Message
from bot.sandbox.person import SlackClientSide
from bot.slack.identifiers import Action
from tests.chaos.story import Asked, Pressed, Story, Wish
from tests.scenarios.scene import BOSS, Scene
from tests.scenarios.thread import offered

CLEARED = [f"U0CLEARED{number}" for number in range(6)]
OTHERS = [f"U0OTHERS0{number}" for number in range(6)]
TEAM, MIXED, BOARD = "C0TEAM0000", "C0MIXED000", "C0BOARD000"
"""One with cleared people only; one with others too; one without the requesters."""
REFUSAL = "Reference `e"
"""The end of an answer that says why something was not done."""
TAKEN = ("Got it", "already on its way")
ASKS_AGAIN_SECONDS = 1.0
GIVES_UP_SECONDS = 6.0
"""Less than ``DOUBLE_SUBMIT_WINDOW``: words that are sent later may count as a new request."""
WISHES: Sequence[Wish] = ("recording",) * 8 + ("unknown", "refused")


@dataclass
class People:
    """They reach any of the web processes, as a load balancer sends them."""

    scene: Scene
    sides: Sequence[SlackClientSide]
    story: Story
    chance: random.Random
    now: Callable[[], float] = time.monotonic
    _busy: set[asyncio.Task[None]] = field(default_factory=set)

    def settle_in(self) -> None:
        """Fill the workspace."""
        workspace = self.scene.workspace
        for user_id in (*CLEARED, *OTHERS):
            workspace.add_user(user_id)
        workspace.add_channel(TEAM, members=CLEARED, is_private=True)
        workspace.add_channel(MIXED, members=[*OTHERS, *CLEARED[:2]], is_private=True)
        workspace.add_channel(BOARD, members=[BOSS], is_private=True)
        workspace.scopes |= {"groups:history", "channels:history"}

    async def live(self, seconds: float, a_second: float) -> None:
        """Do something now and then, for this time."""
        over_at = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < over_at:
            self._start(self.chance.choice((self.ask, self.ask, self.ask, self.press))())
            await asyncio.sleep(self.chance.expovariate(a_second))

    async def are_done(self) -> None:
        """Wait until each person was answered or has given up."""
        while self._busy:
            await asyncio.gather(*self._busy)

    def _start(self, doing) -> None:
        task = asyncio.create_task(doing)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def ask(self) -> None:
        """Request a recording; repeat until the request is accepted."""
        wish, channel = self.chance.choice(WISHES), self.chance.choice((TEAM, MIXED))
        user = self.chance.choice(CLEARED if channel == TEAM else OTHERS)
        call = self.scene.another_call()
        if wish == "unknown":
            call = f"CA{'f' * 24}{call[-8:]}"
        asked = self.story.asked[call] = Asked(call, wish, user, channel)
        text = f"{call} {BOARD}" if wish == "refused" else call
        gives_up_at = self.now() + GIVES_UP_SECONDS
        while not asked.was_taken and self.now() < gives_up_at:
            ack = await self._say(user, channel, text, before=gives_up_at)
            asked.said.append(ack.text if ack and ack.arrived else "")
            asked.was_taken = bool(ack and ack.arrived and _is_taken(ack))
            asked.is_doubtful |= ack is None or not ack.arrived or "may" in ack.text
            asked.is_doubtful |= "the result arrives" in asked.said[-1]
            if not asked.was_taken:
                await asyncio.sleep(ASKS_AGAIN_SECONDS)

    async def press(self) -> None:
        """Press a button of a card that nobody has pressed yet; a press is not repeated."""
        cards = [each for each in self._cards() if not self._is_touched(each)]
        if not cards:
            return
        card = self.chance.choice(cards)
        call = call_of(card)
        action = self.chance.choice((Action.DELETE, Action.TRANSCRIPT))
        pressed = Pressed(call, "delete" if action is Action.DELETE else "transcript")
        self.story.pressed.append(pressed)
        side, value = self.chance.choice(self.sides), str(offered(card)[action]["value"])
        user = self.story.asked[call].user
        shown = self.scene.workspace.ephemerals
        before = len(shown)
        try:
            ack = await side.block_action(
                user, card.channel, card.ts, action.value, value, ephemeral=False
            )
        except httpx.HTTPError:
            return
        refused = [e for e in shown[before:] if e.user == user and REFUSAL in str(e.text)]
        pressed.was_taken = ack.arrived and not ack.text and not refused

    async def rule(self, text: str) -> bool:
        """Type an admin's command until it is accepted."""
        for _ in range(30):
            ack = await self._say(BOSS, TEAM, text, command="/callaudio-admin")
            told = ack.text if ack and ack.arrived else ""
            if "nothing to revoke" in told or (told and "*What to do:*" not in told):
                return True
            self.story.events.append(f"  the admin was told: {ack.text if ack else 'nothing'}")
            await asyncio.sleep(ASKS_AGAIN_SECONDS)
        return False

    async def _say(
        self, user: str, channel: str, text: str, *, before: float = math.inf, **more: str
    ) -> Ack | None:
        """Send the command to one process; only ``before`` that time.

        On a busy machine it may take seconds until a killed process turns out not to listen.
        """
        sides = list(self.sides)
        self.chance.shuffle(sides)
        for side in sides:
            if self.now() >= before:
                break
            try:
                return await side.command(user, channel, text, **more)
            except httpx.ConnectError:
                continue  # a load balancer tries the next one
            except httpx.HTTPError:
                return None
        return None

    def _cards(self) -> list[Message]:
        return [
            message
            for channel in (TEAM, MIXED)
            for message in self.scene.workspace.messages(channel)
            if message.thread_ts is None
            and call_of(message) in self.story.asked
            and {Action.DELETE, Action.TRANSCRIPT} <= set(offered(message))
        ]

    def _is_touched(self, card: Message) -> bool:
        return any(each.call == call_of(card) for each in self.story.pressed)


def call_of(message: Message) -> str:
    """Return the call of a card, from its text."""
    named = re.search(r"CA[0-9a-f]{32}", f"{message.text} {message.blocks}")
    return named[0] if named else ""


def _is_taken(ack: Ack) -> bool:
    return any(words in ack.text for words in TAKEN)
