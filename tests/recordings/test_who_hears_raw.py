"""Another person's request never gives anyone raw that their own would be refused. The product's
use cases for requests, listeners, visible files, previews, transcripts and waveforms are compared
with three lines that say who is cleared.
"""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.access.administration import Actor
from bot.access.exposure import Exposure
from bot.access.policy import Outcome, Standing
from bot.access.policy_evaluation import PolicyEvaluator, Question
from bot.access.rights import Rights
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.lookups.delivery_previewer import DeliveryPreviewer
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.lookups.waveform_viewer import WaveformRefused, WaveformViewer
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.store.database import Database
from bot.store.tables import DeliveryRow
from tests.access.builders import ALICE, BOSS, ROBOT, deny, give, readers_on
from tests.access.outside import AGENT, Channel, World, WorldDirectory, WorldGroups
from tests.conftest import NOON
from tests.examples import examples

PERSON = "U0PERSON0"
GRANTED, DENIED = "S0GRANTED", "S0DENIED0"
ALONE, SHARED = "C0ALONE000", "C0SHARED00"
"""Where the person is with the bot, and where Alice is as well, who is cleared."""
GOES_OUT = {Outcome.RAW: True, Outcome.REDACTED: False, Outcome.REFUSED: False}

teams = itertools.count(1)


@dataclass(frozen=True)
class Case:
    """A person's standing in the workspace, and the grants and denies that concern them."""

    standing: Standing
    has_grant_by_name: bool
    is_in_granted_group: bool
    gave_it_themselves: bool
    is_denied_by_name: bool
    is_in_denied_group: bool
    unread: frozenset[str]
    """Groups whose members Slack does not list."""

    @property
    def is_cleared(self) -> bool:
        """Return whether they would get raw themselves; never unknown."""
        of_group = self.is_in_granted_group and not self.gave_it_themselves
        by_group = self.standing is Standing.MEMBER and of_group and GRANTED not in self.unread
        by_name = self.standing in (Standing.MEMBER, Standing.GUEST) and self.has_grant_by_name
        is_denied = self.is_denied_by_name or self.is_in_denied_group or DENIED in self.unread
        return (by_name or by_group) and not is_denied


CASES = st.builds(
    Case,
    standing=st.sampled_from([Standing.MEMBER, Standing.GUEST, *Standing]),
    has_grant_by_name=st.booleans(),
    is_in_granted_group=st.booleans(),
    gave_it_themselves=st.sampled_from([False, False, True]),
    is_denied_by_name=st.sampled_from([False, False, True]),
    is_in_denied_group=st.sampled_from([False, False, True]),
    unread=st.sampled_from([frozenset(), frozenset(), frozenset({GRANTED}), frozenset({DENIED})]),
)


class UseCases:
    """The use cases of one workspace."""

    def __init__(self, database: Database, case: Case) -> None:
        self.database, self.team_id = database, f"T{next(teams):08d}"
        world = World(
            standing={ALICE: Standing.MEMBER, PERSON: case.standing, ROBOT: Standing.BOT},
            channels={ALONE: Channel({PERSON, ROBOT}), SHARED: Channel({ALICE, PERSON, ROBOT})},
            groups={
                GRANTED: {PERSON} if case.is_in_granted_group else set(),
                DENIED: {PERSON} if case.is_in_denied_group else set(),
            },
            away=frozenset(f"group {each}" for each in case.unread),
        )
        self.directory = WorldDirectory(world)
        rights = Rights(
            database=database,
            groups=WorldGroups(world),
            clock=lambda: NOON,
            first_admins=frozenset(),
        )
        self.readers = readers_on(database, self.directory, rights=rights)
        self.evaluator, self.only_the_requester = (self._build(rule) for rule in (True, False))
        membership = WorkspaceMembership(
            database=database, home_team=self._home, clock=lambda: NOON
        )
        minutes = itertools.count(0.0, 60.0)
        self.previewer = DeliveryPreviewer(
            membership=membership,
            evaluator=self.evaluator,
            directory=self.directory,
            open_dm=self._nowhere,
            calls=None,
            agents={AGENT.name: AGENT},
            lookup_limit=LookupLimit(lambda: next(minutes)),
        )
        self.viewer = WaveformViewer(
            deliveries=DeliveryStore(database=database, clock=lambda: NOON),
            membership=membership,
            evaluator=self.evaluator,
            find_share=self.find_share,
            lookup_limit=LookupLimit(lambda: next(minutes)),
        )

    def _build(self, audience_must_be_cleared: bool) -> PolicyEvaluator:
        return PolicyEvaluator(
            directory=self.directory,
            clearances=self.readers.clearances,
            audience=self.readers.audience,
            audience_must_be_cleared=audience_must_be_cleared,
            external_channels=frozenset({ALONE, SHARED}),
        )

    async def _home(self) -> str:
        return self.team_id

    async def _nowhere(self, user_id: str) -> str:
        raise AssertionError(user_id)

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        del file_id, channel_id
        return "1.000000"

    async def say(self, case: Case) -> None:
        await give(self.database, ALICE, team=self.team_id)
        if case.has_grant_by_name:
            await give(self.database, PERSON, team=self.team_id)
        giver = PERSON if case.gave_it_themselves else BOSS
        await give(self.database, GRANTED, team=self.team_id, by=giver)
        if case.is_denied_by_name:
            await deny(self.database, PERSON, team=self.team_id)
        if case.is_in_denied_group or DENIED in case.unread:
            await deny(self.database, DENIED, team=self.team_id)

    async def would_be_raw(self, user_id: str, channel_id: str) -> dict[str, bool]:
        """Return each way in which a person could get raw into a conversation, or keep it there."""
        question = Question(
            self.team_id, user_id, channel_id, asked_redacted=False, has_raw_key=True
        )
        around = await self.evaluator.conversation_facts(self.team_id, channel_id, raw_only=False)
        kept = await self.evaluator.exposure(self.team_id, user_id, around, raw_only=False)
        text = replace(question, raw_only=True)
        actor = Actor(self.team_id, None, user_id)
        preview = await self.previewer.preview(actor, None, channel_id, asked_redacted=False)
        outcomes = {
            "asked": (await self.evaluator.evaluate(question)).decision.outcome,
            "transcript": (await self.evaluator.evaluate(text)).decision.outcome,
            "transcript by either rule": (
                (await self.only_the_requester.evaluate(text)).decision.outcome
            ),
            "preview": preview.decision.outcome,
        }
        raw = {way: GOES_OUT[outcome] for way, outcome in outcomes.items()}
        return raw | {
            "may stay": kept is Exposure.FINE,
            "waveform": await self.sees_waveform(actor, channel_id),
        }

    async def sees_waveform(self, actor: Actor, channel_id: str) -> bool:
        """Press *Waveform* on a visible raw recording."""
        delivery_id = f"d{self.team_id}{channel_id}"
        async with self.database.write() as session:
            await session.merge(
                DeliveryRow(
                    id=delivery_id,
                    team_id=self.team_id,
                    user_id=ALICE,
                    source="command",
                    agent_name="default",
                    conversation_id="CA0",
                    direction="combined",
                    asked_redacted=False,
                    origin_channel_id=channel_id,
                    asked_channel_id=channel_id,
                    requested_at=NOON,
                    state="delivered",
                    destination_channel_id=channel_id,
                    outcome="raw",
                    reason="cleared",
                    picture_file_id="F0PICTURE0",
                )
            )
        try:
            await self.viewer.waveform(actor, channel_id, delivery_id)
        except WaveformRefused:
            return False
        return True


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Database]:
    """SQLite is enough here: tests/access compares the statements of both databases."""
    database = Database(sqlite_url)
    yield database
    await database.close()


@given(CASES)
@settings(
    deadline=None,
    max_examples=examples(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_nobody_hears_raw_whose_own_request_would_be_refused_raw(store, case):
    use_cases = UseCases(store, case)
    await use_cases.say(case)

    asks = await use_cases.would_be_raw(PERSON, ALONE)
    hears = await use_cases.would_be_raw(ALICE, SHARED)
    asks_before_alice = await use_cases.would_be_raw(PERSON, SHARED)

    assert asks == dict.fromkeys(asks, case.is_cleared)
    # While a denied group cannot be read, Alice may also be in it.
    alice_is_cleared = DENIED not in case.unread
    no_listener_is_refused = case.is_cleared or case.standing is Standing.BOT
    assert hears == dict.fromkeys(hears, alice_is_cleared and no_listener_is_refused)
    assert asks_before_alice == dict.fromkeys(asks, alice_is_cleared and case.is_cleared)
