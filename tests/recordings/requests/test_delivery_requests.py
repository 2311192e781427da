"""The use cases of a requester: what each button and command stores."""

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from bot.access.administration import Actor
from bot.observability.metrics import Metrics
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.references.agents import AgentNotConfigured
from bot.recordings.references.reference import Reference
from bot.recordings.requests.authorization import NotYours, Outsider, Requester, WorkspaceMembership
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.store.database import Database
from bot.store.tables import AuditEventRow, DeliveryRow
from tests.conftest import NOON
from tests.recordings.references.test_agents import AGENTS, CALL
from tests.recordings.requests.builders import changed_requester
from tests.recordings.requests.test_request_store import ALICE, CHANNEL, RequestStoreSetup

ANSWER_URL = SecretStr("https://hooks.slack.com/commands/T1/secret")
ASKER = Requester(Actor("T0CALLAUDIO", "E0ORG", ALICE), CHANNEL, "111.222.first", ANSWER_URL)


async def home_team() -> str:
    return "T0CALLAUDIO"


class DeliveryRequestsSetup:
    """The use cases on a database of their own."""

    def __init__(self, database: Database) -> None:
        self.database, self.metrics = database, Metrics()
        self.requests = DeliveryRequests(
            store=RequestStoreSetup(database).requests,
            deliveries=DeliveryStore(database=database, clock=lambda: NOON),
            membership=WorkspaceMembership(
                database=database, home_team=home_team, clock=lambda: NOON
            ),
            agents=AGENTS,
            metrics=self.metrics,
        )

    async def ask(self, requester=ASKER, reference=None, **how):
        how = {"channel_id": None, "direction": Direction.COMBINED, "redacted": False, **how}
        return await self.requests.recording(requester, reference or Reference(CALL), **how)

    async def row(self, delivery_id: str) -> DeliveryRow:
        async with self.database.read() as session:
            return await session.get_one(DeliveryRow, delivery_id)

    async def settle(self, delivery_id: str, channel_id: str = CHANNEL) -> None:
        """Store the thread of a delivery."""
        async with self.database.write() as session:
            row = await session.get_one(DeliveryRow, delivery_id)
            row.destination_channel_id, row.parent_ts = channel_id, "1.000000"

    async def refused(self) -> list[tuple[str, str, dict]]:
        """Return the refused presses in the workspace's audit."""
        async with self.database.read() as session:
            rows = await session.scalars(
                select(AuditEventRow).where(AuditEventRow.tag == "slack:button:refused")
            )
            return [(row.team_id, row.actor_id, row.payload) for row in rows]

    async def how_many(self) -> int:
        async with self.database.read() as session:
            return len(list(await session.scalars(select(DeliveryRow.id))))

    def counted(self, source: str) -> float:
        return self.metrics.registry.get_sample_value(
            "callaudio_requests_total", {"source": source}
        )


@pytest.fixture
async def setup(sqlite_url):
    database = Database(sqlite_url)
    yield DeliveryRequestsSetup(database)
    await database.close()


async def test_a_command_without_a_channel_uses_the_channel_it_was_typed_in(setup):
    stored = await setup.ask(direction=Direction.USER, redacted=True)
    row = await setup.row(stored.delivery_id)
    assert (row.team_id, row.enterprise_id, row.user_id) == ("T0CALLAUDIO", "E0ORG", ALICE)
    assert (row.asked_channel_id, row.origin_channel_id) == (CHANNEL, CHANNEL)
    assert (row.direction, row.asked_redacted, row.source) == ("user", True, "command")
    assert row.response_url == ANSWER_URL.get_secret_value()
    assert setup.counted("command") == 1


async def test_a_command_may_name_another_channel_and_another_agent(setup):
    stored = await setup.ask(reference=Reference(CALL, agent_name="sales"), channel_id="C0OTHER00")
    row = await setup.row(stored.delivery_id)
    assert (row.asked_channel_id, row.origin_channel_id) == ("C0OTHER00", CHANNEL)
    assert row.agent_name == "sales"


async def test_an_agent_that_is_not_configured_is_refused_before_anything_is_stored(setup):
    with pytest.raises(AgentNotConfigured):
        await setup.ask(reference=Reference(CALL, agent_name="support"))
    assert await setup.how_many() == 0
    assert setup.counted("command") is None


async def test_a_repeated_request_is_counted_once(setup):
    first = await setup.ask()
    again = await setup.ask(changed_requester(ASKER, trigger_id="111.222.second"))
    assert (again.delivery_id, again.is_repeat) == (first.delivery_id, True)
    assert setup.counted("command") == 1


async def test_raw_to_dm_requests_the_same_recording_in_the_requesters_direct_messages(setup):
    first = await setup.ask(
        reference=Reference(CALL, agent_name="sales"), direction=Direction.AGENT, redacted=True
    )
    press = changed_requester(ASKER, trigger_id="press")
    stored = await setup.requests.raw_to_dm(press, first.delivery_id)
    assert not stored.is_repeat
    row = await setup.row(stored.delivery_id)
    assert (row.asked_channel_id, row.origin_channel_id) == (ALICE, CHANNEL)
    assert (row.agent_name, row.conversation_id, row.direction) == ("sales", CALL, "agent")
    assert (row.asked_redacted, row.source) == (False, "button")
    assert setup.counted("button") == 1


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param({"user_id": "U0BOB0000"}, id="another person"),
        pytest.param({"team_id": "T0OTHERTEAM"}, id="the same id in another workspace"),
    ],
)
async def test_raw_to_dm_is_refused_to_anybody_but_the_requester(setup, stranger):
    first = await setup.ask()
    with pytest.raises(NotYours) as refused:
        await setup.requests.raw_to_dm(changed_requester(ASKER, **stranger), first.delivery_id)
    assert CALL not in refused.value.what + refused.value.fix
    assert await setup.how_many() == 1
    assert setup.counted("button") is None
    (_, actor_id, payload) = (await setup.refused())[0]
    team_id = stranger.get("team_id", "T0CALLAUDIO")
    assert actor_id == stranger.get("user_id", ALICE)
    assert payload == {"button": "raw_to_dm", "code": "not_yours", "actor_team_id": team_id}


async def test_anybody_there_can_request_another_side_in_the_same_thread(setup):
    first = await setup.ask(direction=Direction.USER, redacted=True)
    await setup.settle(first.delivery_id)
    bob = changed_requester(ASKER, user_id="U0BOB0000", trigger_id="press")
    stored = await setup.requests.other_side(bob, first.delivery_id, Direction.AGENT)
    row = await setup.row(stored.delivery_id)
    assert (row.user_id, row.direction, row.kind) == ("U0BOB0000", "agent", "audio")
    assert (row.asked_channel_id, row.asked_thread_ts) == (CHANNEL, "1.000000")
    assert row.asked_redacted


async def test_anybody_there_can_request_a_transcript_in_the_same_thread(setup):
    first = await setup.ask(direction=Direction.USER)
    await setup.settle(first.delivery_id)
    bob = changed_requester(ASKER, user_id="U0BOB0000", trigger_id="press")
    stored = await setup.requests.transcript(bob, first.delivery_id)
    row = await setup.row(stored.delivery_id)
    assert (row.user_id, row.direction, row.kind) == ("U0BOB0000", "combined", "transcript")
    assert (row.asked_channel_id, row.asked_thread_ts) == (CHANNEL, "1.000000")
    again = await setup.requests.transcript(
        changed_requester(bob, trigger_id="next"), first.delivery_id
    )
    assert (again.delivery_id, again.is_repeat) == (stored.delivery_id, True)


async def test_send_again_requests_the_same_kind(setup):
    first = await setup.ask()
    await setup.settle(first.delivery_id)
    press = changed_requester(ASKER, trigger_id="press")
    text = await setup.requests.transcript(press, first.delivery_id)
    later = changed_requester(ASKER, trigger_id="later", channel_id="C0OTHER00")
    more = await setup.requests.send_again(later, text.delivery_id)
    assert DeliveryKind((await setup.row(more.delivery_id)).kind) is DeliveryKind.TRANSCRIPT


@pytest.mark.parametrize("button", ["other_side", "transcript", "redacted_instead"])
@pytest.mark.parametrize(
    "outsider",
    [
        pytest.param({"team_id": "T0OTHERTEAM"}, id="of another workspace"),
        pytest.param({"channel_id": "C0OTHER00"}, id="in another conversation"),
    ],
)
async def test_buttons_of_a_card_are_refused_outside_its_conversation(setup, outsider, button):
    first = await setup.ask()
    await setup.settle(first.delivery_id)
    requester = changed_requester(ASKER, trigger_id="press", **outsider)
    more = (Direction.USER,) if button == "other_side" else ()
    with pytest.raises(Outsider):
        await getattr(setup.requests, button)(requester, first.delivery_id, *more)
    assert await setup.how_many() == 1
    ((team_id, _, payload),) = await setup.refused()
    assert team_id == "T0CALLAUDIO", "it is told in the workspace that the recording belongs to"
    assert payload["actor_team_id"] == requester.actor.team_id
    assert payload["button"] == button


@pytest.mark.parametrize(
    ("team_id", "told"), [("T0CALLAUDIO", {}), ("T0OTHERTEAM", {"actor_team_id": "T0OTHERTEAM"})]
)
async def test_a_button_without_a_delivery_is_refused_and_audited_in_the_bots_workspace(
    setup, team_id, told
):
    with pytest.raises(NotYours):
        await setup.requests.raw_to_dm(changed_requester(ASKER, team_id=team_id), "dmadeup")
    refused = {"button": "raw_to_dm", "code": "not_yours", **told}
    assert await setup.refused() == [("T0CALLAUDIO", ALICE, refused)]


PARENT_TS = "1717416000.000100"


async def delivered(setup, **columns) -> str:
    """Store a request of Alice that was delivered in another channel."""
    first = await setup.ask(
        reference=Reference(CALL, agent_name="sales"), direction=Direction.AGENT, redacted=True
    )
    async with setup.database.write() as session:
        row = await session.get_one(DeliveryRow, first.delivery_id)
        for name, value in columns.items():
            setattr(row, name, value)
    return first.delivery_id


@pytest.mark.parametrize(
    ("columns", "channel_id", "thread_ts"),
    [
        pytest.param({}, CHANNEL, None, id="where it was asked for"),
        pytest.param({"asked_channel_id": "C0OTHER00"}, "C0OTHER00", None, id="in that channel"),
        pytest.param(
            {"asked_thread_ts": "1717410000.000100"},
            CHANNEL,
            "1717410000.000100",
            id="in the thread it was asked for",
        ),
        pytest.param(
            {"destination_channel_id": "C0RENAMED", "parent_ts": PARENT_TS},
            "C0RENAMED",
            None,
            id="where the channel has another id by now, and not under the old message",
        ),
    ],
)
async def test_send_again_uses_the_same_destination(setup, columns, channel_id, thread_ts):
    delivery_id = await delivered(setup, **columns)
    press = changed_requester(ASKER, trigger_id="press", channel_id="D0BOTALICE")
    stored = await setup.requests.send_again(press, delivery_id)
    row = await setup.row(stored.delivery_id)
    assert (row.asked_channel_id, row.asked_thread_ts) == (channel_id, thread_ts)
    assert (row.origin_channel_id, row.user_id) == ("D0BOTALICE", ALICE)
    assert (row.agent_name, row.conversation_id, row.direction) == ("sales", CALL, "agent")
    assert (row.asked_redacted, row.source) == (False, "button")


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param({"user_id": "U0BOB0000"}, id="another person"),
        pytest.param({"team_id": "T0OTHERTEAM"}, id="the same id in another workspace"),
    ],
)
async def test_send_again_is_refused_to_anybody_but_the_requester(setup, stranger):
    delivery_id = await delivered(setup)
    with pytest.raises(NotYours):
        await setup.requests.send_again(changed_requester(ASKER, **stranger), delivery_id)
    assert await setup.how_many() == 1


async def test_anybody_there_can_request_redacted_instead_in_the_same_thread(setup):
    delivery_id = await delivered(
        setup, destination_channel_id=CHANNEL, parent_ts=PARENT_TS, asked_redacted=False
    )
    press = changed_requester(ASKER, user_id="U0BOB0000", trigger_id="press")
    stored = await setup.requests.redacted_instead(press, delivery_id)
    row = await setup.row(stored.delivery_id)
    assert (row.asked_channel_id, row.asked_thread_ts) == (CHANNEL, PARENT_TS)
    assert (row.user_id, row.asked_redacted, row.source) == ("U0BOB0000", True, "button")
    assert (row.agent_name, row.conversation_id, row.direction) == ("sales", CALL, "agent")


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param({"channel_id": "C0OTHER00"}, id="in another conversation"),
        pytest.param({"team_id": "T0OTHERTEAM"}, id="in another workspace"),
    ],
)
async def test_redacted_instead_is_refused_outside_the_conversation(setup, elsewhere):
    delivery_id = await delivered(setup, destination_channel_id=CHANNEL, parent_ts=PARENT_TS)
    with pytest.raises(Outsider):
        await setup.requests.redacted_instead(changed_requester(ASKER, **elsewhere), delivery_id)
    assert await setup.how_many() == 1


async def test_redacted_instead_is_refused_without_a_destination(setup):
    delivery_id = await delivered(setup)
    with pytest.raises(Outsider):
        await setup.requests.redacted_instead(ASKER, delivery_id)
    with pytest.raises(NotYours):
        await setup.requests.redacted_instead(ASKER, "dmadeup")
