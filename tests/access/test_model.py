"""After any sequence of changes no person hears raw who may not. A state machine runs the product's
own decisions, deliveries and take-backs on a real store; a model of a dozen lines says who is
cleared. Slack's answers fail now and then: unknown never becomes raw.
"""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.access.administration import Actor
from bot.access.grants import Effect, NothingToRevoke, Right, revoke
from bot.access.policy import Standing
from bot.access.standings import STANDING_VALID_FOR
from bot.audit.verify import verify
from bot.jobs.delivery_workflow import DeliveryWorkflow
from bot.jobs.retry_rule import RetryRule
from bot.observability.metrics import Metrics
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.destination import Destinations
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.orphaned_files import OrphanedFiles
from bot.recordings.deliveries.redaction_safety import RedactionSafety
from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.new_request import NewRequest
from bot.recordings.requests.request_store import RequestStore
from bot.recordings.steps.card_progress import Progress, ProgressIntervals
from bot.recordings.steps.completion import Completion
from bot.recordings.steps.delivery_decision import DeliveryDecider, FactRetryWindow
from bot.recordings.steps.delivery_steps import DeliverySteps
from bot.recordings.steps.notification import Notification
from bot.recordings.steps.sharing import Sharing
from bot.recordings.steps.transcripts import Transcripts
from bot.recordings.steps.uploading import Uploading
from bot.recordings.take_back.due_files import DueFiles
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.recordings.take_back.redacted_follow_ups import RedactedFollowUps
from bot.recordings.take_back.take_back import CHECK_EVERY, LONGEST_UNVERIFIED, TakeBack
from bot.recordings.take_back.take_back_store import TakeBackStore
from bot.recordings.transfer.relay import Relay
from bot.recordings.waveform.pictures import Pictures
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.due_work_kinds import DueWorkKind
from tests.access.builders import BOSS, TEAM, give, readers_on
from tests.access.builders import subject as subject_of
from tests.access.outside import (
    AGENT,
    Channel,
    File,
    World,
    WorldDirectory,
    WorldPosting,
    draw_whether_raw,
    nothing,
    polyai,
)
from tests.conftest import NOON
from tests.examples import examples
from tests.migrated import migrated_sqlite_file
from tests.recordings.take_back.visible_files import work_off

NEVER_AGAIN = FactRetryWindow(before_redacted=timedelta(0), before_refused=timedelta(0))
ALICE, BOB, GUEST, PARTNER, ROBOT = "U0ALICE", "U0BOB", "U0GUEST", "U0PARTNER", "U0ROBOT"
PEOPLE = (ALICE, BOB, GUEST, PARTNER)
STANDING = {
    ALICE: Standing.MEMBER,
    BOB: Standing.MEMBER,
    GUEST: Standing.GUEST,
    PARTNER: Standing.EXTERNAL,
    ROBOT: Standing.BOT,
}
NO_MEMBER = (Standing.GUEST, Standing.EXTERNAL, Standing.DEACTIVATED)
CHANNELS, GROUPS = ("C0ONE", "C0TWO", "C0OPEN"), ("S0ONE", "S0TWO")
PUBLIC = "made public"
OWN_DM = "the requester's direct messages with the bot"
LOOKUPS = ("conversation", "members", "standing", "group")
POSTING = ("share", "share is lost", "answer to share is lost", "find", "delete")

people = st.sampled_from(PEOPLE)
channels = st.sampled_from(CHANNELS)
groups = st.sampled_from(GROUPS)
subjects = people | groups
MEANWHILE = (
    *(None,) * 8,
    *PEOPLE,
    *CHANNELS,
    *((each, what) for each in CHANNELS for what in (BOB, PUBLIC)),
)
LOST = ("answer to share is lost", "find", "delete")  # it was shared; nothing else is known
away = st.sampled_from([()] * 6 + [(each,) for each in LOOKUPS + POSTING] + [LOST])


@dataclass
class Said:
    """A grant or a deny in the model."""

    subject: str
    effect: Effect
    until: datetime | None
    by: str
    revoked: bool = False


class Policy(RuleBasedStateMachine):
    """People, groups and conversations change; recordings are requested, checked and taken back."""

    audience_must_be_cleared = True

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.said: list[Said] = []
        self.untold: dict[str, dict[Standing, datetime]] = {each: {} for each in PEOPLE}
        self.world = World(
            standing=dict(STANDING),
            channels={
                each: Channel({ALICE, ROBOT}, is_private=each != "C0OPEN") for each in CHANNELS
            }
            # Slack sends no sharing flags for these.
            | {_dm(each): Channel({each}, is_external=None, im_user_id=each) for each in PEOPLE},
            groups={each: set() for each in GROUPS},
        )
        self.gateway = WorldPosting(self.world, on_share=self._must_be_allowed)
        self.wrongly_shared: list[File] = []
        self.exposed_since: dict[str, datetime] = {}
        self.unanswered_at = self.undeleted_at = NOON - timedelta(days=1)
        self.requester = ALICE
        self.numbers = itertools.count(1)
        self.folder = tempfile.TemporaryDirectory(prefix="callaudio-model-")
        shutil.copy(migrated_sqlite_file(), self.folder.name)
        self.runner = asyncio.Runner()
        self.runner.run(self._build())

    async def _build(self) -> None:
        clock = self._clock
        self.database = Database(f"sqlite:///{self.folder.name}/callaudio.db")
        self.http = polyai()
        directory = WorldDirectory(self.world)
        readers = readers_on(self.database, directory, clock=clock, groups=self.world, most=5)
        self.standings = readers.standings
        evaluator = readers.evaluator(
            audience_must_be_cleared=self.audience_must_be_cleared, allowed=["C0TWO"]
        )
        deliveries = DeliveryStore(database=self.database, clock=clock)
        client = PolyAIClient(HttpGet(self.http, clock=clock, sleep=_at_once))
        metrics = Metrics()
        patient = DeliveryDecider(
            evaluator=evaluator,
            clock=clock,
            fact_retry_window=NEVER_AGAIN,
            safety=RedactionSafety(self.database),
        )
        sharing = Sharing(
            deliveries=deliveries,
            decider=patient,
            slack=self.gateway,
            visibility_waits_seconds=(1,),
            sleep=_at_once,
        )
        calls, agents = CallReader(client), {AGENT.name: AGENT}
        check_schedule = FileCheckSchedule(keep=None, check_every=CHECK_EVERY)
        steps = DeliverySteps(
            deliveries=deliveries,
            destinations=Destinations(
                deliveries=deliveries, directory=directory, slack=self.gateway
            ),
            decider=patient,
            uploading=Uploading(
                relay=Relay(
                    polyai=client,
                    slack=self.gateway,
                    metrics=metrics,
                    max_bytes=2**20,
                    max_concurrent=1,
                ),
                transcripts=Transcripts(polyai=client),
                slack=self.gateway,
                progress=Progress(
                    deliveries=deliveries, slack=self.gateway, intervals=ProgressIntervals()
                ),
                pictures=Pictures(slack=self.gateway, draw=draw_whether_raw),
                calls=calls,
            ),
            sharing=sharing,
            slack=self.gateway,
            agents=agents,
        )
        telling = Notification(
            deliveries=deliveries,
            slack=self.gateway,
            calls=calls,
            agents=agents,
            keep_raw=None,
            audience_must_be_cleared=self.audience_must_be_cleared,
            first_wait=timedelta(minutes=10),
        )
        self.workflow = DeliveryWorkflow(
            steps=steps,
            completion=Completion(
                deliveries=deliveries,
                sharing=sharing,
                metrics=metrics,
                check_schedule=check_schedule,
            ),
            notification=telling,
            retry=RetryRule(attempts=2),
            clock=clock,
        )
        self.work = DueWork(database=self.database, clock=clock, lease=CHECK_EVERY)
        self.take_back_store = TakeBackStore(database=self.database, clock=clock)
        self.early_checks = EarlyFileChecks(database=self.database, clock=clock)
        self.take_back = TakeBack(
            due=DueFiles(database=self.database, clock=clock, check_schedule=check_schedule),
            files=self.take_back_store,
            orphaned_files=OrphanedFiles(database=self.database, clock=clock),
            evaluator=evaluator,
            slack=self.gateway,
            follow_ups=RedactedFollowUps(deliveries=deliveries, is_on=True),
        )
        self.requests = RequestStore(database=self.database, clock=clock)

    def _clock(self) -> datetime:
        return self.now

    # What happens.

    @initialize(member=people, away=away, meanwhile=st.sampled_from(MEANWHILE))
    def two_are_cleared_and_one_has_asked(
        self, member: str, away: tuple[str, ...], meanwhile: tuple[str, str] | str | None
    ) -> None:
        self._say(ALICE, Effect.GRANT, None)
        self._say(member, Effect.GRANT, None)
        self.a_recording_is_asked_for(ALICE, CHANNELS[0], away, redacted=False, meanwhile=meanwhile)

    @rule(
        subject=subjects,
        effect=st.sampled_from([Effect.GRANT, Effect.GRANT, Effect.GRANT, Effect.DENY]),
        minutes=st.none() | st.integers(1, 20),
        giver=st.sampled_from([BOSS, BOSS, ALICE, BOB]),
        told=st.booleans(),
    )
    def a_right_is_given_or_denied(
        self, subject: str, effect: Effect, minutes: int | None, giver: str, told: bool
    ) -> None:
        """The giver may be in the group, or join it later."""
        until = self.now + timedelta(minutes=minutes) if minutes else None
        self._say(subject, effect, until, BOSS if giver == subject else giver)
        self._notify(told)

    @rule(person=st.sampled_from((ALICE, BOB)), group=groups)
    def somebody_tries_to_clear_themselves(self, person: str, group: str) -> None:
        self.world.groups[group].add(person)
        self._say(group, Effect.GRANT, None, person)
        self._notify(told=True)
        self.a_recording_is_asked_for(person, _dm(person), (), redacted=False, meanwhile=None)

    @rule(subject=subjects, told=st.booleans())
    def a_right_is_revoked(self, subject: str, told: bool) -> None:
        self.runner.run(self._revoke(subject))
        self._notify(told)

    @rule(group=groups, person=people, told=st.booleans())
    def a_group_changes(self, group: str, person: str, told: bool) -> None:
        self.world.groups[group] ^= {person}
        self._notify(told)

    @rule(
        person=people,
        standing=st.sampled_from((Standing.MEMBER, Standing.MEMBER, *NO_MEMBER)),
        told=st.booleans(),
    )
    def somebody_becomes_a_guest_or_leaves_or_comes_back(
        self, person: str, standing: Standing, told: bool
    ) -> None:
        was = self.world.standing[person]
        self.world.standing[person] = standing
        self.untold[person][was] = self.now
        if told:
            self.untold[person].clear()
            matters = self.runner.run(self.standings.changed(TEAM, person, standing))
            self._notify(matters)

    @precondition(lambda self: self._channels_with_raw())
    @rule(data=st.data(), group=groups, standing=st.sampled_from(NO_MEMBER), told=st.booleans())
    def somebody_listens_through_a_group_and_is_no_member_any_more(
        self, data: st.DataObject, group: str, standing: Standing, told: bool
    ) -> None:
        channel = data.draw(st.sampled_from(self._channels_with_raw()))
        requesters = {file.asked_by for file in self.gateway.visible.values()}
        others = [each for each in PEOPLE if each not in requesters]
        listener = data.draw(st.sampled_from(others or PEOPLE))
        self.somebody_becomes_a_guest_or_leaves_or_comes_back(listener, Standing.MEMBER, told=True)
        self.world.groups[group].add(listener)
        self._say(group, Effect.GRANT, None)
        self.world.channels[channel].members.add(listener)
        self._pass(60, frozenset())
        self.somebody_becomes_a_guest_or_leaves_or_comes_back(listener, standing, told)
        for _ in range(3 if told else 18):
            self._pass(60, frozenset())

    @rule(channel=channels, person=st.sampled_from((*PEOPLE, ROBOT)), told=st.booleans())
    def somebody_joins_or_leaves(self, channel: str, person: str, told: bool) -> None:
        self.world.channels[channel].members ^= {person}
        self._notify(told)

    @rule(channel=channels, external=st.sampled_from([True, False, False, None]))
    def a_channel_is_shared_or_no_longer(self, channel: str, external: bool | None) -> None:
        self.world.channels[channel].is_external = external

    @rule(channel=channels, private=st.sampled_from([True, True, False, None]))
    def a_channel_is_made_public_or_private(self, channel: str, private: bool | None) -> None:
        self.world.channels[channel].is_private = private

    @rule(
        person=st.sampled_from((ALICE, ALICE, BOB, GUEST, PARTNER)),
        channel=st.sampled_from((*CHANNELS, OWN_DM)),
        away=away,
        redacted=st.sampled_from([False, False, False, True]),
        meanwhile=st.sampled_from(MEANWHILE),
    )
    def a_recording_is_asked_for(
        self,
        person: str,
        channel: str,
        away: tuple[str, ...],
        redacted: bool,
        meanwhile: tuple[str, str] | str | None,
    ) -> None:
        """During the upload people, rights and the channel may change."""

        async def happen() -> None:
            self.gateway.meanwhile = nothing
            if isinstance(meanwhile, tuple) and meanwhile[1] == PUBLIC:
                self.world.channels[meanwhile[0]].is_private = False
            elif isinstance(meanwhile, tuple):
                self.world.channels[meanwhile[0]].members.add(meanwhile[1])
            elif meanwhile in CHANNELS:
                self.world.channels[meanwhile].is_external = True
            elif meanwhile:
                await self._write(meanwhile, Effect.DENY, None)

        channel = _dm(person) if channel == OWN_DM else channel
        self.requester, self.asked_redacted = person, redacted
        self.world.away = frozenset(away)
        self.gateway.meanwhile = happen
        expects_raw = (
            not away
            and not meanwhile
            and self._may_be_raw(person, channel, redacted, self._must_seem_cleared)
        )
        before = set(self.gateway.visible)
        self.runner.run(self._deliver(person, channel, redacted=redacted))
        self.world.away = frozenset()
        self.gateway.meanwhile = nothing
        assert self.wrongly_shared == []
        if expects_raw:
            new, picture = sorted(set(self.gateway.visible) - before, key=lambda f: int(f[1:]))
            assert self.gateway.visible[picture].is_raw, "it is drawn of what it is shared with"
            assert self.gateway.visible[new].is_raw

    @precondition(lambda self: self._where_raw_may_be())
    @rule(data=st.data(), away=away, meanwhile=st.sampled_from(MEANWHILE))
    def raw_is_asked_for_where_it_may_be(
        self, data: st.DataObject, away: tuple[str, ...], meanwhile: tuple[str, str] | str | None
    ) -> None:
        person, channel = data.draw(st.sampled_from(self._where_raw_may_be()))
        self.a_recording_is_asked_for(person, channel, away, redacted=False, meanwhile=meanwhile)

    @precondition(lambda self: self._where_raw_may_be(CHANNELS))
    @rule(data=st.data(), private=st.sampled_from([False, None]))
    def raw_is_asked_for_where_all_but_being_private_speaks_for_it(
        self, data: st.DataObject, private: bool | None
    ) -> None:
        person, channel = data.draw(st.sampled_from(self._where_raw_may_be(CHANNELS)))
        self.world.channels[channel].is_private = private
        self.a_recording_is_asked_for(person, channel, (), redacted=False, meanwhile=None)

    @precondition(lambda self: self._channels_with_raw())
    @rule(data=st.data())
    def a_channel_with_raw_files_is_made_public_and_no_event_tells(
        self, data: st.DataObject
    ) -> None:
        channel = data.draw(st.sampled_from(self._channels_with_raw()))
        self.world.channels[channel].is_private = False
        for _ in range(3):
            self._pass(60, frozenset())

    @precondition(lambda self: self._raw_files())
    @rule(data=st.data(), place=channels, told=st.booleans())
    def a_raw_file_is_passed_on(self, data: st.DataObject, place: str, told: bool) -> None:
        """An event reports it, or each raw file is checked in turn."""
        file_id = data.draw(st.sampled_from(self._raw_files()))
        self.gateway.visible[file_id].elsewhere = (place,)
        waits = [60, *[5] * 2 * len(self._raw_files())]
        if told:
            waits = [1]
            self.runner.run(self.early_checks.check_file(TEAM, file_id, place))
        for seconds in waits:
            self._pass(seconds, frozenset())
        file = self.gateway.visible.get(file_id)
        assert file is None or self._may_be_heard(file.asked_by, place), "it is there still"

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self._pass(seconds, frozenset())

    @precondition(lambda self: self.gateway.visible)
    @rule(
        away=st.sets(st.sampled_from((*LOOKUPS, "delete")), min_size=1), minutes=st.integers(1, 4)
    )
    def time_passes_while_slack_does_not_answer(self, away: set[str], minutes: int) -> None:
        for _ in range(minutes):
            self._pass(60, frozenset(away))

    @precondition(lambda self: self.exposed_since)
    @rule(away=st.sampled_from(LOOKUPS))
    def slack_does_not_answer_for_long(self, away: str) -> None:
        for _ in range(20):
            self._pass(60, frozenset({away}))

    # What must hold.

    @invariant()
    def no_raw_file_stays_before_somebody_who_may_not_hear_it(self) -> None:
        for file_id, since in self._exposed().items():
            answered = max(since, self.unanswered_at, self.undeleted_at)
            assert self.now - answered < 2 * CHECK_EVERY, "Slack answered, and yet it is there"
            doubted = max(since, self.undeleted_at)
            assert self.now - doubted < LONGEST_UNVERIFIED + 3 * CHECK_EVERY, f"{file_id} in doubt"

    def teardown(self) -> None:
        faults = self.runner.run(self._close())
        self.runner.close()
        self.folder.cleanup()
        assert faults == []

    # The model.

    def _cleared(self, person: str, standing: Standing | None = None) -> bool:
        """Return whether a person, with this standing or their own, would get raw on request."""
        standing = standing or self.world.standing[person]
        groups = {each for each in GROUPS if person in self.world.groups[each]}
        said = {
            (each.effect, each.subject)
            for each in self.said
            if each.subject in {person, *groups}
            and not each.revoked
            and (each.until is None or self.now < each.until)
            and (each.effect is Effect.DENY or each.by != person)
        }
        is_denied = any(effect is Effect.DENY for effect, _ in said)
        counting = {Standing.MEMBER: {person, *groups}, Standing.GUEST: {person}}
        return not is_denied and any(subject in counting.get(standing, ()) for _, subject in said)

    def _believable(self, person: str) -> set[Standing]:
        """The standings that the bot may believe: no event reported their end."""
        lately = self.untold[person].items()
        believed = {was for was, until in lately if self.now - until < STANDING_VALID_FOR}
        return {self.world.standing[person], *believed}

    def _may_seem_cleared(self, person: str) -> bool:
        return any(self._cleared(person, each) for each in self._believable(person))

    def _must_seem_cleared(self, person: str) -> bool:
        return all(self._cleared(person, each) for each in self._believable(person))

    def _may_be_heard(
        self, person: str, channel_id: str, is_cleared: Callable[[str], bool] | None = None
    ) -> bool:
        """Return whether this person's recording may be raw among those who are there. By default
        according to the facts that the bot must know.
        """
        is_cleared = is_cleared or self._may_seem_cleared
        channel = self.world.channels[channel_id]
        if channel.is_external:
            return False
        if not self.audience_must_be_cleared:
            return is_cleared(person)
        # Everybody in the workspace can open a public channel, not only its members.
        return channel.is_private is not False and all(
            map(is_cleared, {person, *channel.members} - {ROBOT})
        )

    def _may_be_raw(
        self,
        person: str,
        channel_id: str,
        redacted: bool,
        is_cleared: Callable[[str], bool] | None = None,
    ) -> bool:
        """The requester's standing is read at the decision; those of others may be older."""
        channel = self.world.channels[channel_id]
        return (
            person in channel.members
            and self._cleared(person)
            and (channel.is_external is False or channel_id == _dm(person))
            and (channel.is_private is True or not self.audience_must_be_cleared)
            and self._may_be_heard(person, channel_id, is_cleared)
            and not redacted
        )

    def _where_raw_may_be(self, places: tuple[str, ...] | None = None) -> list[tuple[str, str]]:
        """By default in the channels and each person's direct messages with the bot."""
        everywhere = [
            (each, place) for each in PEOPLE for place in places or (*CHANNELS, _dm(each))
        ]
        return [each for each in everywhere if self._may_be_raw(*each, redacted=False)]

    def _raw_files(self) -> list[str]:
        return sorted(each for each, file in self.gateway.visible.items() if file.is_raw)

    def _channels_with_raw(self) -> list[str]:
        raw = {each.channel_id for each in self.gateway.visible.values() if each.is_raw}
        return sorted(raw & set(CHANNELS))

    def _must_be_allowed(self, file: File) -> None:
        """Record a violation; an exception here would count as a failure of Slack."""
        file.asked_by = self.requester
        may_be = self._may_be_raw(self.requester, file.channel_id, self.asked_redacted)
        if file.is_raw and not may_be:
            self.wrongly_shared.append(file)

    def _exposed(self) -> dict[str, datetime]:
        self.exposed_since = {
            file_id: self.exposed_since.get(file_id, self.now)
            for file_id, file in self.gateway.visible.items()
            if file.is_raw and not self._may_be_heard(file.asked_by, file.channel_id)
        }
        return self.exposed_since

    # The product.

    def _pass(self, seconds: int, away: frozenset[str]) -> None:
        self.now += timedelta(seconds=seconds)
        self._exposed()
        self.world.away = away
        self.runner.run(self._look())
        self.world.away = frozenset()
        if away:
            self.unanswered_at = self.now
        if "delete" in away:
            self.undeleted_at = self.now
        self.no_raw_file_stays_before_somebody_who_may_not_hear_it()

    def _say(self, subject: str, effect: Effect, until: datetime | None, giver: str = BOSS) -> None:
        self.runner.run(self._write(subject, effect, until, giver))

    async def _write(
        self, subject: str, effect: Effect, until: datetime | None, giver: str = BOSS
    ) -> None:
        lasting = until - self.now if until else None
        await give(self.database, subject, effect=effect, by=giver, now=self.now, lasting=lasting)
        self.said.append(Said(subject, effect, until, giver))

    async def _revoke(self, subject: str) -> None:
        try:
            async with self.database.write() as session:
                await revoke(session, subject_of(subject), Right.PII, by=BOSS, now=self.now)
        except NothingToRevoke:
            return
        for each in self.said:
            each.revoked = each.revoked or each.subject == subject

    def _notify(self, told: bool) -> None:
        """An event reaches the bot, or is lost."""
        if told:
            self.runner.run(self.early_checks.check_now(TEAM))

    async def _look(self) -> None:
        await work_off(self.work, self.take_back)
        for due in await self.work.claim(DueWorkKind.DELETE_ORPHANED_FILE, 20, takes_over=True):
            await self.work.finish(due, await self.take_back.delete_orphaned(due))

    async def _deliver(self, person: str, channel_id: str, *, redacted: bool) -> None:
        number = next(self.numbers)
        stored = await self.requests.store(
            NewRequest(
                requester=Requester(Actor(TEAM, None, person), channel_id, str(number), None),
                source="command",
                agent_name=AGENT.name,
                conversation_id=f"CA{number:032x}",
                direction=Direction.USER,
                asked_redacted=redacted,
                channel_id=person if channel_id == _dm(person) else channel_id,
            )
        )
        tries = 0
        while await self.workflow.run(
            Due(DueWorkKind.DELIVER, stored.delivery_id, tries, "t", 0, False)
        ):
            tries += 1

    async def _close(self) -> list[object]:
        """Close everything; returns the faults of the audit chain."""
        async with self.database.read() as session:
            faults = [each async for each in verify(session)]
        await self.http.aclose()
        await self.database.close()
        return faults


class OnlyTheRequester(Policy):
    """The same under the rule that checks only the requester's right."""

    audience_must_be_cleared = False


def _dm(person: str) -> str:
    return f"D{person[1:]}"


async def _at_once(seconds: float) -> None:
    del seconds


QUICK = settings(
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a step takes too long for shrinking
)

TestPolicy = Policy.TestCase
TestPolicy.settings = settings(QUICK, max_examples=examples(2, at_length=200))
TestOnlyTheRequester = OnlyTheRequester.TestCase
TestOnlyTheRequester.settings = settings(QUICK, max_examples=examples(1, at_length=100))
