"""The HTTP endpoints: what is accepted, how it is answered, and what is never shown."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import httpx
import pytest
from slack_bolt.authorization import AuthorizeResult
from sqlalchemy import select

from bot.access.rights import Rights
from bot.concurrency.in_flight import InFlight
from bot.observability.logs import configure_logging
from bot.observability.metrics import Metrics
from bot.polyai.transport import build_http_client
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.recordings.requests.request_store import RequestStore
from bot.recordings.take_back.deletion_requests import DeletionRequests
from bot.sandbox.delivery import signature_headers
from bot.slack.app import build_app
from bot.slack.error_answers import ErrorAnswers
from bot.slack.operations import Operations
from bot.slack.recordings.listeners import RecordingListeners
from bot.slack.rejected_requests import RejectedRequests, RejectionCause
from bot.slack.web import MAX_BODY_BYTES, SlackRequests, build_web
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.web_api.response_urls import ResponseUrls
from bot.slack.workspaces import OwnWorkspace
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DueWorkRow
from bot.wiring.clock import utc_now
from tests.access.builders import Workspace, readers_on
from tests.conftest import NOON
from tests.polling import until
from tests.recordings.references.test_agents import AGENTS

SECRET = "Zq7vB2nL9xK4signing"
CALL = "CA" + "0123456789abcdef" * 2
FORM = "application/x-www-form-urlencoded"
COMMAND = {
    "team_id": "T0CALLAUDIO",
    "channel_id": "C0QUALITY0",
    "user_id": "U0ALICE00",
    "command": "/callaudio",
    "text": CALL,
    "api_app_id": "A0CALLAUDIO",
    "response_url": "https://hooks.slack.com/commands/T1/secret",
    "trigger_id": "111.222.first",
}


async def due_deliveries(database: Database) -> list[str]:
    async with database.read() as session:
        return list(
            await session.scalars(
                select(DueWorkRow.key).where(DueWorkRow.kind == DueWorkKind.DELIVER)
            )
        )


class Door:
    """The HTTP endpoints in memory; an exception inside fails the test."""

    def __init__(
        self, web, metrics: Metrics, database: Database, in_flight: InFlight, slack: SlackRequests
    ) -> None:
        self.metrics, self.database, self.in_flight = metrics, database, in_flight
        self.slack = slack
        transport = httpx.ASGITransport(web)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://bot")

    async def post(self, body: str | bytes, headers=None, *, kind=FORM) -> httpx.Response:
        if headers is None:
            headers = signature_headers(SECRET, body)
        return await self.client.post(
            "/slack/events", content=body, headers={"Content-Type": kind, **headers}
        )

    async def command(self, **changes) -> httpx.Response:
        return await self.post(urlencode({**COMMAND, **changes}))

    async def press(self, action_id="raw_to_dm", value="d1", **changes) -> httpx.Response:
        payload = {
            "type": "block_actions",
            "team": {"id": "T0CALLAUDIO"},
            "user": {"id": "U0ALICE00", "team_id": "T0CALLAUDIO"},
            "channel": {"id": "C0QUALITY0"},
            "api_app_id": "A0CALLAUDIO",
            "trigger_id": "111.222.press",
            "actions": [{"type": "button", "action_id": action_id, "value": value}],
            **changes,
        }
        return await self.post(urlencode({"payload": json.dumps(payload)}))

    def counted(self, code: str) -> float | None:
        return self.metrics.registry.get_sample_value("callaudio_errors_total", {"code": code})

    def rejected_requests(self) -> dict[str, float]:
        """Count rejected requests by cause."""
        name = "callaudio_requests_turned_away_total"
        found = {
            cause.value: self.metrics.registry.get_sample_value(name, {"cause": cause.value})
            for cause in RejectionCause
        }
        return {cause: count for cause, count in found.items() if count}


NOBODY = "http://127.0.0.1:1/"
"""Without a Slack no modal can be opened, so errors are in the ack."""


async def open_door(
    database: Database, session, *, listens=True, now: Callable[[], float] = time.time
) -> Door:
    metrics = Metrics()

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id="T0CALLAUDIO",
            bot_token="xoxb-1",
            bot_id="B1",
            bot_user_id="U0CALLAUDIO",
        )

    async def home_team() -> str:
        return "T0CALLAUDIO"

    def clock():
        return NOON

    in_flight = InFlight()
    insiders = WorkspaceMembership(database=database, home_team=home_team, clock=clock)
    deliveries = DeliveryStore(database=database, clock=clock)
    asking = DeliveryRequests(
        store=RequestStore(database=database, clock=clock),
        deliveries=deliveries,
        membership=insiders,
        agents=AGENTS,
        metrics=metrics,
    )
    rights = Rights(database=database, groups=None, clock=clock, first_admins=frozenset())
    people = readers_on(database, Workspace(), clock=clock, rights=rights).people
    api = SlackApi(build_client("xoxb-1", NOBODY, session))
    app = build_app(
        client=build_client("xoxb-1", None, session),
        authorize=authorize,
        workspace=OwnWorkspace(insiders),
        listeners=[
            RecordingListeners(
                requests=asking,
                people=people,
                deletion_requests=DeletionRequests(
                    deliveries=deliveries, membership=insiders, files=None, administration=None
                ),
                viewer=None,
                modals=None,
            )
        ],
        answers=ErrorAnswers(metrics, api, ResponseUrls(api, build_http_client(1))),
        in_flight=in_flight,
    )
    slack = SlackRequests(
        app,
        signing_secret=SECRET,
        rejected_requests=RejectedRequests(metrics, monotonic=lambda: 0.0),
        clock=utc_now,
        now=now,
    )
    operations = Operations(metrics=metrics, probes={})
    web = build_web(operations=operations, slack=slack if listens else None)
    return Door(web, metrics, database, in_flight, slack)


@pytest.fixture
async def door(sqlite_url):
    database = Database(sqlite_url)
    async with build_session() as session:
        yield await open_door(database, session)
    await database.close()


@pytest.fixture
def log_lines(logging_as_it_was, monkeypatch):  # noqa: ARG001 - undone after the test
    """Collect the log as operators see it, from before the app is built."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging("json", [SECRET])
    return lambda: written.getvalue().splitlines()


async def test_a_signed_command_is_stored_and_answered_privately(door):
    response = await door.command()
    assert response.status_code == 200
    assert response.json() == {
        "text": f"Got it: I will post the recording of `{CALL}` in a message of its own.",
        "response_type": "ephemeral",
    }
    assert len(await due_deliveries(door.database)) == 1


async def test_a_repeated_command_says_so(door):
    await door.command()
    response = await door.command(trigger_id="111.222.second")
    assert "already on its way" in response.json()["text"]


@pytest.mark.parametrize("text", ["", "help"])
async def test_the_help_is_a_private_answer(door, text):
    answer = (await door.command(text=text)).json()
    assert "`/callaudio CA…`" in answer["text"]
    assert answer["response_type"] == "ephemeral"


@pytest.mark.parametrize(
    ("text", "said"),
    [("<@U0BOB0000>", "I found no conversation"), (f"nobody:{CALL}", "No agent of the name")],
)
async def test_a_refusal_has_cause_fix_and_reference(door, text, said):
    response = await door.command(text=text)
    assert response.status_code == 200
    answer = response.json()
    assert answer["response_type"] == "ephemeral"
    assert said in answer["text"]
    assert "*What to do:*" in answer["text"]
    assert "Reference `" in answer["text"]


async def test_a_button_works_for_one_person_only(door):
    await door.command()
    (delivery_id,) = await due_deliveries(door.database)
    pressed = await door.press(value=delivery_id)
    assert (pressed.status_code, pressed.text) == (200, "")
    stranger = await door.press(
        value=delivery_id, user={"id": "U0BOB0000", "team_id": "T0CALLAUDIO"}
    )
    assert "somebody else" in stranger.text
    foreign = await door.press(value=delivery_id, user={"id": "U0ALICE00", "team_id": "T0OTHER"})
    assert "of the workspace that it is installed in" in foreign.text
    assert (door.counted("not_yours"), door.counted("outsider")) == (1, 1)


async def test_a_press_without_channel_and_team_is_read_from_its_other_fields(door):
    await door.command()
    (delivery_id,) = await due_deliveries(door.database)
    pressed = await door.press(
        value=delivery_id, user={"id": "U0ALICE00"}, channel=None, enterprise=None
    )
    assert (pressed.status_code, pressed.text) == (200, "")


SIGNED = signature_headers(SECRET, urlencode(COMMAND))
OLD = signature_headers(SECRET, urlencode(COMMAND), timestamp=int(time.time()) - 400)
EARLY = signature_headers(SECRET, urlencode(COMMAND), timestamp=int(time.time()) + 10**8)
STAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        pytest.param({}, "unsigned", id="unsigned"),
        pytest.param({STAMP: SIGNED[STAMP]}, "unsigned", id="no signature"),
        pytest.param({SIGNATURE: SIGNED[SIGNATURE]}, "unsigned", id="no timestamp"),
        pytest.param(
            {**SIGNED, SIGNATURE: "v0=" + "0" * 64}, "signature_wrong", id="another signature"
        ),
        pytest.param(
            signature_headers("another-secret", urlencode(COMMAND)),
            "signature_wrong",
            id="another secret",
        ),
        pytest.param(
            signature_headers(f'"{SECRET}"', urlencode(COMMAND)),
            "signature_wrong",
            id="the secret in quotes",
        ),
        pytest.param({**SIGNED, SIGNATURE: ""}, "unsigned", id="empty signature"),
        pytest.param(
            {**SIGNED, SIGNATURE: "v0=ü".encode()}, "unsigned", id="signature beyond ASCII"
        ),
        pytest.param({**SIGNED, STAMP: "yesterday"}, "unsigned", id="timestamp in words"),
        pytest.param({**SIGNED, STAMP: ""}, "unsigned", id="empty timestamp"),
        pytest.param({**SIGNED, STAMP: "-5"}, "unsigned", id="negative timestamp"),
        pytest.param({**SIGNED, STAMP: "1e9"}, "unsigned", id="timestamp as a float"),
        pytest.param({**SIGNED, STAMP: "²".encode()}, "unsigned", id="timestamp beyond ASCII"),
        pytest.param({**SIGNED, STAMP: "9" * 5000}, "unsigned", id="endless timestamp"),
        pytest.param({**SIGNED, STAMP: "1000"}, "signature_wrong", id="an unsigned timestamp"),
        pytest.param(OLD, "clock_skewed", id="old timestamp"),
        pytest.param(EARLY, "clock_skewed", id="timestamp of the future"),
    ],
)
async def test_a_request_without_a_valid_signature_is_rejected(door, headers, cause):
    response = await door.post(urlencode(COMMAND), headers)
    assert response.status_code == 401
    assert response.headers["connection"] == "close"
    assert CALL not in response.text
    assert door.rejected_requests() == {cause: 1}
    assert await due_deliveries(door.database) == []


@pytest.mark.parametrize(
    ("headers", "now", "cause", "words"),
    [
        ({}, None, "unsigned", "something other than Slack"),
        ({**SIGNED, SIGNATURE: "v0=0"}, None, "signature_wrong", "SLACK_SIGNING_SECRET is not"),
        (SIGNED, +412, "clock_skewed", "the clock of this machine"),
        (SIGNED, -900, "clock_skewed", "the clock of this machine"),
    ],
)
async def test_the_cause_of_a_rejection_is_logged_once_a_minute_with_an_explanation(
    sqlite_url, log_lines, headers, now, cause, words
):
    database, sent_at = Database(sqlite_url), float(SIGNED[STAMP])
    async with build_session() as session:
        door = await open_door(database, session, now=lambda: sent_at + (now or 0))
        for _ in range(3):
            assert (await door.post(urlencode(COMMAND), headers)).status_code == 401
    await database.close()
    (line,) = [json.loads(line) for line in log_lines() if "request_rejected" in line]
    assert (line["level"], line["cause"]) == ("warning", cause)
    assert line.get("skew_seconds") == now
    assert words in line["likely"]
    assert door.rejected_requests() == {cause: 3}


@pytest.mark.parametrize(
    ("secret", "seconds_later", "status"),
    [
        pytest.param("rotated", 0, 200, id="the new secret counts at once"),
        pytest.param("rotated", 9000, 200, id="the new secret stays valid"),
        pytest.param(SECRET, 299, 200, id="the former secret is valid for five minutes"),
        pytest.param(SECRET, 301, 401, id="the former secret is refused after five minutes"),
        pytest.param("between", 0, 401, id="a secret before the former one is refused"),
    ],
)
async def test_after_a_rotation_requests_signed_before_it_are_accepted(
    sqlite_url, secret, seconds_later, status
):
    database, now = Database(sqlite_url), [float(round(time.time()))]
    async with build_session() as session:
        door = await open_door(database, session, now=lambda: now[0])
        if secret == "between":
            secret = SECRET
            door.slack.rotate("passed over")
        door.slack.rotate("rotated")
        door.slack.rotate("rotated")
        now[0] += seconds_later
        body = urlencode(COMMAND)
        headers = signature_headers(secret, body, timestamp=int(now[0]))
        assert (await door.post(body, headers)).status_code == status
    await database.close()


async def test_a_changed_body_is_rejected(door):
    assert (await door.post(urlencode({**COMMAND, "text": "CB"}), SIGNED)).status_code == 401


@pytest.mark.parametrize("body", [b"\xff\xfe", b"text=\xff"])
async def test_a_body_that_is_not_text_is_rejected(door, body):
    headers = signature_headers(SECRET, "")
    response = await door.post(body, {**headers, SIGNATURE: "v0=" + "0" * 64})
    assert response.status_code == 401


async def test_a_body_whose_declared_size_exceeds_slacks_is_not_read(door):
    async def untouched():
        raise AssertionError("read")
        yield

    headers = {**SIGNED, "Content-Length": str(MAX_BODY_BYTES + 1)}
    response = await door.post(untouched(), headers)
    assert (response.status_code, response.headers["connection"]) == (413, "close")
    assert door.rejected_requests() == {"too_large": 1}


async def test_a_body_larger_than_slacks_is_not_read_to_its_end(door):
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 100_000
            yield bytes(100_000)

    response = await door.post(endless(), SIGNED)
    assert response.status_code == 413
    assert read <= MAX_BODY_BYTES + 200_000


async def test_a_rejected_body_is_not_logged(sqlite_url, log_lines):
    async with build_session() as session:
        door = await open_door(Database(sqlite_url), session)
        body = urlencode({**COMMAND, "text": "private-words"})
        assert (await door.post(body, SIGNED)).status_code == 401
        await door.database.close()
    assert "private-words" not in "".join(log_lines())


@pytest.mark.parametrize("what", [{"command": "/something"}, {"command": "/callaudio-nothing"}])
async def test_a_request_without_a_listener_is_404_and_its_body_is_not_logged(
    sqlite_url, log_lines, what
):
    async with build_session() as session:
        door = await open_door(Database(sqlite_url), session)
        response = await door.command(**what, text="private-words")
        pressed = await door.press(action_id="no_such_button", value="private-words")
        await door.database.close()
    assert (response.status_code, response.text) == (404, "")
    assert pressed.status_code == 404
    events = [json.loads(line) for line in log_lines()]
    ours = [event["event"] for event in events if event["logger"].startswith("bot.")]
    assert ours == ["request_unhandled"] * 2
    assert "private-words" not in "".join(log_lines())
    assert "secret" not in "".join(log_lines())


@pytest.mark.parametrize("act", [Door.command, Door.press])
async def test_a_bug_is_a_reference_for_people_and_a_traceback_in_the_log(tmp_path, log_lines, act):
    # A database without tables breaks every use case.
    async with build_session() as session:
        door = await open_door(Database(f"sqlite:///{tmp_path}/empty.db"), session)
        response = await act(door)
        await door.database.close()
    assert response.status_code == 200
    answer = response.json()
    assert answer["response_type"] == "ephemeral"
    first, cause, fix, last = answer["text"].splitlines()
    assert first == "Something went wrong that I did not expect."
    assert cause.startswith("*Likely cause:* A fault in callaudio")
    assert fix.startswith("*What to do:* Try again in a minute")
    reference = last.removeprefix("Reference `").removesuffix("`")
    for word in ("Traceback", "sqlite", "no such table", "Error", ".py"):
        assert word not in answer["text"]
    (line,) = [line for line in log_lines() if "request_broke" in line]
    logged = json.loads(line)
    assert logged["reference"] == reference
    assert "no such table" in logged["exception"]
    assert COMMAND["response_url"] not in line
    assert door.counted("unexpected") == 1


async def test_slacks_certificate_check_needs_no_signature_and_reaches_no_listener(door):
    body = urlencode({"ssl_check": "1", "token": "dead"})
    signed = await door.post(body)
    assert signed.status_code == 200
    unsigned = await door.post(body, {})
    assert unsigned.status_code in {200, 401}
    assert await due_deliveries(door.database) == []


async def test_requests_are_counted_in_the_metrics(door):
    await door.command()
    response = await door.client.get("/metrics")
    assert 'callaudio_requests_total{source="command"} 1.0' in response.text


async def test_without_listeners_the_route_of_slack_does_not_exist(sqlite_url):
    database = Database(sqlite_url)
    async with build_session() as session:
        door = await open_door(database, session, listens=False)
        assert (await door.command()).status_code == 404
        assert (await door.client.get("/healthz")).status_code == 200
    await database.close()


async def test_a_request_is_in_flight_until_it_is_answered(door):
    async with door.database.write():  # no request can be stored from now on
        answering = asyncio.create_task(door.post(urlencode(COMMAND)))
        giving_way = asyncio.create_task(door.in_flight.give_way())
        while giving_way.done():
            await asyncio.sleep(0)
            giving_way = asyncio.create_task(door.in_flight.give_way())
            await asyncio.sleep(0)
        assert not answering.done()
    assert (await answering).status_code == 200
    await door.in_flight.give_way()
    await giving_way


async def test_a_request_cancelled_by_a_stop_is_answered_that_it_may_be_done(door):
    async with door.database.write():  # no request can be stored from now on
        answering = asyncio.create_task(door.post(urlencode(COMMAND)))
        await until(lambda: door.in_flight._count)
        answering.cancel()
        answer = await answering
    assert answer.status_code == 503
    assert answer.text.endswith(
        "It may still be done. Wait a minute; if nothing happens, try again."
    )
