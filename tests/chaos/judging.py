"""The verdict: compares what people see in Slack with their actions and the answers to them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from bot.audit.verify import verify
from bot.errors import Unexpected
from bot.sandbox.objects import Ephemeral, File, Message
from bot.store.tables import DeliveryRow
from tests.chaos.people import MIXED, OTHERS, TEAM
from tests.chaos.story import Asked, Story
from tests.scenarios.digest_scene import posts
from tests.scenarios.scene import RAW_SPAN, Scene

REFERENCE = re.compile(r"\bd[0-9a-f]{20}\b")
WAITS = "has to wait"
CARD = "callaudio_delivery"
WRITES_WITHIN_SECONDS = 1.0


class Verdict:
    """Checks the stand-ins' records; each finding is a line."""

    def __init__(self, scene: Scene, story: Story, *, not_cleared_in_the_end: set[str]) -> None:
        self._scene = scene
        self._story = story
        self._uncleared = {*OTHERS, *not_cleared_in_the_end}
        self._files: dict[str, list[File]] = defaultdict(list)
        for file in scene.workspace.recordings:
            self._files[file.name[:34]].append(file)
        self._notes = notes_of(scene)
        self._deliveries: dict[str, list[DeliveryRow]] = defaultdict(list)

    async def findings(self) -> list[str]:
        """Everything that is wrong."""
        for row in await self._scene.deliveries():
            self._deliveries[row.conversation_id].append(row)
        found = [
            *(line for each in self._story.asked.values() for line in self._of_command(each)),
            *self._of_presses(),
            *self._of_doubles(),
            *self._of_raw(),
            *self._of_digests(),
            *(f"Slack was sent: {each}" for each in self._scene.workspace.violations),
        ]
        async with self._scene.database.read() as session:
            found += [f"audit: {each}" async for each in verify(session)]
        return found + await self._of_audit()

    def _of_command(self, asked: Asked) -> Iterator[str]:
        completed = [file for file in self._audio(asked.call) if file.completed_times]
        # A card that was withdrawn before a stricter delivery does not count.
        shared = [file for file in completed if not file.deleted] or completed[:1]
        notes = [each for each in self._notes if asked.call in f"{each.text} {each.blocks}"]
        outcomes = len(shared)
        if asked.wish != "recording":
            outcomes += len({key for each in notes for key in references(each)})
            if shared:
                yield f"{asked.call}: a file for what was {asked.wish}"
        at_least = 1 if asked.was_taken else 0
        at_most = 1 if asked.was_taken or asked.is_doubtful else 0
        if not at_least <= outcomes <= at_most:
            yield (
                f"{asked.call} ({asked.wish}, {asked.user}, taken: {asked.was_taken}): "
                f"{len(shared)} files, notes {[each.text[:90] for each in notes]}, {asked.said}, "
                f"{[described(each) for each in self._deliveries[asked.call]]}"
            )
        for said in asked.said:
            if Unexpected.what in said:
                yield f"{asked.call}: was told of a mistake: {said}"

    def _of_presses(self) -> Iterator[str]:
        for pressed in self._story.pressed:
            if pressed.action == "delete":
                left = [each for each in self._audio(pressed.call) if is_there(each)]
                if pressed.was_taken and left:
                    yield f"{pressed.call}: not deleted although the press was taken"
                continue
            brought = [f for f in self._files[pressed.call] if f.name.endswith(".txt")]
            brought = [each for each in brought if each.completed_times]
            told = [each for each in self._notes if pressed.call in f"{each.text} {each.blocks}"]
            if len(brought) > 1 or (pressed.was_taken and not brought and not told):
                yield f"{pressed.call}: {len(brought)} transcripts of one press"

    def _of_doubles(self) -> Iterator[str]:
        workspace = self._scene.workspace
        for file in workspace.files:
            if file.completed_times > 1:
                yield f"{file.name}: shared {file.completed_times} times"
        cards = Counter(
            message.metadata["event_payload"]["delivery_id"]
            for channel in (TEAM, MIXED)
            for message in workspace.messages(channel)
            if message.metadata and message.metadata["event_type"] == CARD
        )
        yield from (f"{key}: {count} cards" for key, count in cards.items() if count > 1)
        for notes in (self._notes, notes_of(self._scene, waiting=True)):
            told: dict[str, list[float]] = defaultdict(list)
            for each in notes:
                for key in references(each):
                    told[key].append(float(each.ts))
            for key, times in told.items():
                if len(times) > 1 + self._interruptions(times):
                    yield f"{key}: told at {times}"

    def _interruptions(self, times: list[float]) -> int:
        """How often a worker may have ended after Slack accepted a note and before that was stored.
        Such a note cannot be distinguished from one that was never sent, so it is sent again.
        """
        first, last = min(times) - WRITES_WITHIN_SECONDS, max(times)
        return sum(first <= each <= last for each in self._story.interrupted_at)

    def _of_raw(self) -> Iterator[str]:
        workspace = self._scene.workspace
        for channel in (TEAM, MIXED):
            listeners = set(workspace.channels[channel].members)
            for file in workspace.visible_recordings(channel):
                if RAW_SPAN in file.content and listeners & self._uncleared:
                    yield f"{file.name}: raw, and heard by {sorted(listeners & self._uncleared)}"
        for file in workspace.recordings:
            if file.completed_times and RAW_SPAN in file.content and file.channel != TEAM:
                yield f"{file.name}: raw in {file.channel}"

    def _of_digests(self) -> Iterator[str]:
        seen = posts(self._scene.workspace)
        yield from (f"digest {slot}: posted {n} times" for slot, n in seen.items() if n > 1)
        missing = self._story.digests - set(seen)
        yield from (f"digest {slot}: not posted" for slot in missing)

    async def _of_audit(self) -> list[str]:
        """Compare the chain with the visible files: each shared file has its event."""
        events = await self._scene.all_audit()
        told = Counter(
            event.payload["file_id"]
            for event in events
            if event.tag == "worker:delivery:delivered" and event.payload.get("file_id")
        )
        completed = [file for file in self._scene.workspace.recordings if file.completed_times]
        ids = {file.id for file in completed}
        there = {file.id for file in completed if not file.deleted}
        return [
            *(f"{each}: shared, and not audited as delivered" for each in there - set(told)),
            *(f"{each}: audited as delivered, and not shared" for each in set(told) - ids),
            *(f"{each}: audited {n} times" for each, n in told.items() if n > 1),
        ]

    def _audio(self, call: str) -> list[File]:
        return [file for file in self._files[call] if file.name.endswith(".wav")]


def described(row: DeliveryRow) -> str:
    """Describe a delivery in a finding; the log lines about it are printed below the finding."""
    ended = f"{row.ended_at:%H:%M:%S}" if row.ended_at else "never"
    return f"{row.id} {row.state}, requested {row.requested_at:%H:%M:%S}, ended {ended}"


def is_there(file: File) -> bool:
    """Return whether people can still open it."""
    return bool(file.completed_times) and not file.deleted


def notes_of(scene: Scene, *, waiting: bool = False) -> list[Ephemeral | Message]:
    """The private notes about an end, or about a wait."""
    private = [each for each in scene.workspace.ephemerals if each.via != "ack"]
    direct = [each for each in scene.everything_posted() if each.channel.startswith("D")]
    return [each for each in (*private, *direct) if (WAITS in each.text) is waiting]


def references(note: Ephemeral | Message) -> set[str]:
    """The deliveries that a note is about."""
    return set(REFERENCE.findall(str(note.blocks)))
