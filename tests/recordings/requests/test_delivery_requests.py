"""The use cases of a requester: what each button and command stores."""

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from bot.access.administration import Actor
from bot.observability.metrics import Metrics
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.references.agents import AgentNotConfigured
from bot.recordings.references.reference import Reference
from bot.recordings.requests.authorization import NotYours, Outsider, Requester, WorkspaceMembership
from bot.recordings.requests.delivery_requests import SEND_AGAIN, DeliveryRequests
from bot.store.database import Database
from bot.store.tables import AuditEventRow, DeliveryRow
from tests.conftest import NOON
from tests.recordings.references.test_agents import AGENTS, CALL
from tests.recordings.requests.builders import changed_requester
from tests.recordings.requests.test_request_store import ALICE, CHANNEL, RequestStoreSetup

ANSWER_URL = SecretStr("https://hooks.slack.com/commands/T1/secret")
ASKER = Requester(Actor("T0CALLAUDIO", "E0ORG", ALICE), CHANNEL, "111.222.first", ANSWER_URL)
PARENT_TS = "1717416000.000100"


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

    async def asked(self, *, redacted: bool = True, **columns) -> str:
        """Store a request of Alice for one side of a call of the agent sales; returns its id."""
        stored = await self.ask(
            reference=Reference(CALL, agent_name="sales"),
            direction=Direction.USER,
            redacted=redacted,
        )
        async with self.database.write() as session:
            row = await session.get_one(DeliveryRow, stored.delivery_id)
            for name, value in columns.items():
                setattr(row, name, value)
        return stored.delivery_id

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
def setup(sqlite_store):
    return DeliveryRequestsSetup(sqlite_store)


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
    press = changed_requester(ASKER, trigger_id="press")
    stored = await setup.requests.raw_to_dm(press, await setup.asked())
    assert not stored.is_repeat
    row = await setup.row(stored.delivery_id)
    assert (row.asked_channel_id, row.origin_channel_id) == (ALICE, CHANNEL)
    assert (row.agent_name, row.conversation_id, row.direction) == ("sales", CALL, "user")
    assert (row.asked_redacted, row.source) == (False, "button")
    assert setup.counted("button") == 1


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
    press = changed_requester(ASKER, trigger_id="press", channel_id="D0BOTALICE")
    stored = await setup.requests.send_again(press, await setup.asked(**columns))
    row = await setup.row(stored.delivery_id)
    assert (row.asked_channel_id, row.asked_thread_ts) == (channel_id, thread_ts)
    assert (row.origin_channel_id, row.user_id) == ("D0BOTALICE", ALICE)
    assert (row.agent_name, row.conversation_id, row.direction) == ("sales", CALL, "user")
    assert (row.asked_redacted, row.kind, row.source) == (False, "audio", "button")


async def test_send_again_requests_the_same_kind(setup):
    text = await setup.asked(kind="transcript")
    press = changed_requester(ASKER, trigger_id="press", channel_id="C0OTHER00")
    again = await setup.requests.send_again(press, text)
    assert (await setup.row(again.delivery_id)).kind == "transcript"


@pytest.mark.parametrize("button", ["raw_to_dm", "send_again"])
@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param({"user_id": "U0BOB0000"}, id="another person"),
        pytest.param({"team_id": "T0OTHERTEAM"}, id="the same id in another workspace"),
    ],
)
async def test_the_requesters_buttons_are_refused_to_anybody_else(setup, stranger, button):
    first, presser = await setup.asked(), changed_requester(ASKER, **stranger)
    with pytest.raises(NotYours) as refused:
        await getattr(setup.requests, button)(presser, first)
    assert CALL not in refused.value.what + refused.value.fix
    assert await setup.how_many() == 1
    assert setup.counted("button") is None
    ((_, actor_id, payload),) = await setup.refused()
    assert actor_id == presser.actor.user_id
    name, team_id = {"send_again": SEND_AGAIN}.get(button, button), presser.actor.team_id
    assert payload == {"button": name, "code": "not_yours", "actor_team_id": team_id}


THERE = {"destination_channel_id": CHANNEL, "parent_ts": PARENT_TS}


@pytest.mark.parametrize(
    ("button", "more", "was_redacted", "direction", "kind", "is_redacted"),
    [
        ("other_side", (Direction.AGENT,), True, "agent", "audio", True),
        ("transcript", (), True, "combined", "transcript", False),
        ("redacted_instead", (), False, "user", "audio", True),
    ],
)
async def test_anybody_there_can_request_another_file_of_the_call_in_the_same_thread(
    setup, button, more, was_redacted, direction, kind, is_redacted
):
    first = await setup.asked(redacted=was_redacted, **THERE)
    bob = changed_requester(ASKER, user_id="U0BOB0000", trigger_id="press")
    press = getattr(setup.requests, button)
    stored = await press(bob, first, *more)
    row = await setup.row(stored.delivery_id)
    assert (row.user_id, row.asked_channel_id, row.asked_thread_ts) == (
        "U0BOB0000", CHANNEL, PARENT_TS,
    )  # fmt: skip
    assert (row.direction, row.kind, row.asked_redacted) == (direction, kind, is_redacted)
    assert (row.agent_name, row.conversation_id, row.source) == ("sales", CALL, "button")
    again = await press(changed_requester(bob, trigger_id="next"), first, *more)
    assert (again.delivery_id, again.is_repeat) == (stored.delivery_id, True)


@pytest.mark.parametrize("button", ["other_side", "transcript", "redacted_instead"])
@pytest.mark.parametrize(
    ("columns", "outsider"),
    [
        pytest.param(THERE, {"team_id": "T0OTHERTEAM"}, id="of another workspace"),
        pytest.param(THERE, {"channel_id": "C0OTHER00"}, id="in another conversation"),
        pytest.param({}, {}, id="of no conversation yet"),
    ],
)
async def test_buttons_of_a_card_are_refused_outside_its_conversation(
    setup, columns, outsider, button
):
    first = await setup.asked(**columns)
    requester = changed_requester(ASKER, trigger_id="press", **outsider)
    more = (Direction.USER,) if button == "other_side" else ()
    with pytest.raises(Outsider):
        await getattr(setup.requests, button)(requester, first, *more)
    assert await setup.how_many() == 1
    ((team_id, _, payload),) = await setup.refused()
    assert team_id == "T0CALLAUDIO", "it is told in the workspace that the recording belongs to"
    assert payload["actor_team_id"] == requester.actor.team_id
    assert payload["button"] == button


@pytest.mark.parametrize("button", ["raw_to_dm", "redacted_instead"])
@pytest.mark.parametrize(
    ("team_id", "told"), [("T0CALLAUDIO", {}), ("T0OTHERTEAM", {"actor_team_id": "T0OTHERTEAM"})]
)
async def test_a_button_without_a_delivery_is_refused_and_audited_in_the_bots_workspace(
    setup, team_id, told, button
):
    presser = changed_requester(ASKER, team_id=team_id)
    with pytest.raises(NotYours):
        await getattr(setup.requests, button)(presser, "dmadeup")
    refused = {"button": button, "code": "not_yours", **told}
    assert await setup.refused() == [("T0CALLAUDIO", ALICE, refused)]
