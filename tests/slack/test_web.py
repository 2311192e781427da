"""The HTTP endpoints: what is accepted, how it is answered, and what is never shown."""

import asyncio
import io
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.concurrency.in_flight import InFlight
from bot.observability.logs import configure_logging
from bot.observability.metrics import Metrics
from bot.polyai.transport import build_http_client
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.sandbox.delivery import signature_headers
from bot.slack.app import build_app
from bot.slack.error_answers import ErrorAnswers
from bot.slack.operations import Operations
from bot.slack.rejected_requests import RejectedRequests, RejectionCause
from bot.slack.web import MAX_BODY_BYTES, SlackRequests, build_web
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.workspaces import OwnWorkspace
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.tables import each_row

SECRET = "Zq7vB2nL9xK4signing"
CALL = "CA" + "0123456789abcdef" * 2
TEAM = "T0CALLAUDIO"
FORM = "application/x-www-form-urlencoded"
COMMAND = {
    "team_id": TEAM,
    "channel_id": "C0QUALITY0",
    "user_id": "U0ALICE00",
    "command": "/callaudio",
    "text": CALL,
    "response_url": "https://hooks.slack.com/commands/T1/secret",
    "trigger_id": "111.222.first",
}
NOBODY = "http://127.0.0.1:1/"
"""Without a Slack no modal can be opened, so errors are in the ack."""


class Listeners:
    """A command and a button, which may be held or fail."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    def register(self, app: AsyncApp) -> None:
        app.command("/callaudio")(self.listen)
        app.action("raw_to_dm")(self.listen)

    async def listen(self, ack: AsyncAck, body: dict[str, object]) -> None:
        self.reached.append(str(body.get("command") or body["type"]))
        await self.may_answer.wait()
        if self.error:
            raise self.error
        await ack("Got it.")


class Door:
    """The HTTP endpoints in memory; an exception inside fails the test."""

    def __init__(self, session, now: Callable[[], float]) -> None:
        self.listeners, self.metrics, self.in_flight = Listeners(), Metrics(), InFlight()
        api = SlackApi(build_client("xoxb-1", NOBODY, session))
        app = build_app(
            client=build_client("xoxb-1", None, session),
            authorize=self.authorize,
            workspace=OwnWorkspace(
                WorkspaceMembership(database=None, home_team=self.home_team, clock=utc_now)
            ),
            listeners=[self.listeners],
            answers=ErrorAnswers(self.metrics, api, build_http_client(1)),
            in_flight=self.in_flight,
        )
        self.slack = SlackRequests(
            app,
            signing_secret=SECRET,
            rejected_requests=RejectedRequests(self.metrics, monotonic=lambda: 0.0),
            clock=utc_now,
            now=now,
        )
        operations = Operations(metrics=self.metrics, probes={})
        transport = httpx.ASGITransport(build_web(operations=operations, slack=self.slack))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://bot")

    async def authorize(self) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=TEAM, bot_token="xoxb-1")

    async def home_team(self) -> str:
        return TEAM

    async def post(self, body: str | bytes, headers=None, *, kind=FORM) -> httpx.Response:
        if headers is None:
            headers = signature_headers(SECRET, body)
        return await self.client.post(
            "/slack/events", content=body, headers={"Content-Type": kind, **headers}
        )

    async def command(self, **changes) -> httpx.Response:
        return await self.post(urlencode({**COMMAND, **changes}))

    async def press(self, action_id="raw_to_dm", value="d1") -> httpx.Response:
        payload = {
            "type": "block_actions",
            "user": {"id": "U0ALICE00", "team_id": TEAM},
            "trigger_id": "111.222.press",
            "actions": [{"type": "button", "action_id": action_id, "value": value}],
        }
        return await self.post(urlencode({"payload": json.dumps(payload)}))

    def counted(self, code: str) -> float | None:
        return self.metrics.registry.get_sample_value("callaudio_errors_total", {"code": code})

    def rejected_requests(self) -> Counter[str]:
        """Count rejected requests by cause."""
        name = "callaudio_requests_turned_away_total"
        read = self.metrics.registry.get_sample_value
        return Counter(
            {each.value: read(name, {"cause": each.value}) or 0 for each in RejectionCause}
        )


@asynccontextmanager
async def open_door(now: Callable[[], float] = time.time) -> AsyncIterator[Door]:
    async with build_session() as session:
        yield Door(session, now)


@pytest.fixture
async def door():
    async with open_door() as door:
        yield door


@pytest.fixture
def log_lines(logging_as_it_was, monkeypatch):  # noqa: ARG001 - undone after the test
    """Collect the log as operators see it, from before the app is built."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging("json", [SECRET])
    return lambda: written.getvalue().splitlines()


async def test_a_signed_request_is_answered_by_its_listener(door):
    response = await door.command()
    assert (response.status_code, response.text) == (200, "Got it.")
    assert (await door.press()).status_code == 200
    assert door.listeners.reached == ["/callaudio", "block_actions"]


SIGNED = signature_headers(SECRET, urlencode(COMMAND))
OLD = signature_headers(SECRET, urlencode(COMMAND), timestamp=int(time.time()) - 400)
EARLY = signature_headers(SECRET, urlencode(COMMAND), timestamp=int(time.time()) + 10**8)
STAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"


@each_row(
    ("headers", "cause"),
    [
        ({}, "unsigned"),
        ({STAMP: SIGNED[STAMP]}, "unsigned"),
        ({SIGNATURE: SIGNED[SIGNATURE]}, "unsigned"),
        ({**SIGNED, SIGNATURE: "v0=" + "0" * 64}, "signature_wrong"),
        (signature_headers("another-secret", urlencode(COMMAND)), "signature_wrong"),
        (signature_headers(f'"{SECRET}"', urlencode(COMMAND)), "signature_wrong"),
        ({**SIGNED, SIGNATURE: ""}, "unsigned"),
        ({**SIGNED, SIGNATURE: "v0=ü".encode()}, "unsigned"),
        *(
            ({**SIGNED, STAMP: odd}, "unsigned")
            for odd in ("yesterday", "", "-5", "1e9", "²".encode(), "9" * 5000)
        ),
        # The signature contains the time.
        ({**SIGNED, STAMP: "1000"}, "signature_wrong"),
        (OLD, "clock_skewed"),
        (EARLY, "clock_skewed"),
    ],
)
async def test_a_request_without_a_valid_signature_is_rejected(door, headers, cause):
    before = door.rejected_requests()
    response = await door.post(urlencode(COMMAND), headers)
    assert response.status_code == 401
    assert response.headers["connection"] == "close"
    assert CALL not in response.text
    assert door.rejected_requests() - before == {cause: 1}
    assert door.listeners.reached == []


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
    log_lines, headers, now, cause, words
):
    async with open_door(lambda: float(SIGNED[STAMP]) + (now or 0)) as door:
        for _ in range(3):
            assert (await door.post(urlencode(COMMAND), headers)).status_code == 401
    (line,) = [json.loads(line) for line in log_lines() if "request_rejected" in line]
    assert (line["level"], line["cause"]) == ("warning", cause)
    assert line.get("skew_seconds") == now
    assert words in line["likely"]
    assert +door.rejected_requests() == {cause: 3}


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
    secret, seconds_later, status
):
    now = [float(round(time.time()))]
    async with open_door(lambda: now[0]) as door:
        if secret == "between":
            secret = SECRET
            door.slack.rotate("passed over")
        door.slack.rotate("rotated")
        door.slack.rotate("rotated")
        now[0] += seconds_later
        body = urlencode(COMMAND)
        headers = signature_headers(secret, body, timestamp=int(now[0]))
        assert (await door.post(body, headers)).status_code == status


async def test_a_changed_or_unreadable_body_is_rejected_and_not_logged(log_lines):
    async with open_door() as door:
        for body in (urlencode({**COMMAND, "text": "private-words"}), b"text=private-words\xff"):
            assert (await door.post(body, SIGNED)).status_code == 401
        assert door.listeners.reached == []
    assert "private-words" not in "".join(log_lines())


async def test_a_body_whose_declared_size_exceeds_slacks_is_not_read(door):
    async def untouched():
        raise AssertionError("read")
        yield

    headers = {**SIGNED, "Content-Length": str(MAX_BODY_BYTES + 1)}
    response = await door.post(untouched(), headers)
    assert (response.status_code, response.headers["connection"]) == (413, "close")
    assert +door.rejected_requests() == {"too_large": 1}


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


async def test_a_request_without_a_listener_is_404_and_its_body_is_not_logged(log_lines):
    async with open_door() as door:
        for answering in (
            door.command(command="/something", text="private-words"),
            door.command(command="/callaudio-nothing", text="private-words"),
            door.press(action_id="no_such_button", value="private-words"),
        ):
            response = await answering
            assert (response.status_code, response.text) == (404, "")
    events = [json.loads(line) for line in log_lines()]
    ours = [event["event"] for event in events if event["logger"].startswith("bot.")]
    assert ours == ["request_unhandled"] * 3
    assert "private-words" not in "".join(log_lines())
    assert "secret" not in "".join(log_lines())


@pytest.mark.parametrize("act", [Door.command, Door.press])
async def test_a_bug_is_a_reference_for_people_and_a_traceback_in_the_log(log_lines, act):
    async with open_door() as door:
        door.listeners.error = LookupError("no such table")
        response = await act(door)
    assert response.status_code == 200
    answer = response.json()
    assert answer["response_type"] == "ephemeral"
    first, cause, fix, last = answer["text"].splitlines()
    assert first == "Something went wrong that I did not expect."
    assert cause.startswith("*Likely cause:* A fault in callaudio")
    assert fix.startswith("*What to do:* Try again in a minute")
    reference = last.removeprefix("Reference `").removesuffix("`")
    for word in ("Traceback", "no such table", "Error", ".py"):
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
    assert door.listeners.reached == []


async def test_a_request_is_in_flight_until_it_is_answered(door):
    door.listeners.may_answer.clear()
    answering = asyncio.create_task(door.command())
    await until(lambda: door.listeners.reached)
    giving_way = asyncio.create_task(door.in_flight.give_way())
    await asyncio.sleep(0)
    assert not giving_way.done()
    door.listeners.may_answer.set()
    assert (await answering).status_code == 200
    await giving_way


async def test_a_request_cancelled_by_a_stop_is_answered_that_it_may_be_done(door):
    door.listeners.may_answer.clear()
    answering = asyncio.create_task(door.command())
    await until(lambda: door.listeners.reached)
    answering.cancel()
    answer = await answering
    assert answer.status_code == 503
    assert answer.text.endswith(
        "It may still be done. Wait a minute; if nothing happens, try again."
    )
