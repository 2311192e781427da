"""While a host does not answer few calls are made; the first answer allows all calls again."""

import httpx
import pytest

from bot.concurrency.urgency import Urgency, working
from bot.network.circuit import LONGEST_PROBE_SECONDS, OPENS_AFTER_SECONDS, Circuit, Circuits
from bot.observability.metrics import Metrics
from bot.polyai.transport import build_http_client
from tests.ports import free_port


class Host:
    """A circuit on a clock that stands, and calls that all fail while the host is away."""

    def __init__(self) -> None:
        self.now = 0.0
        self.circuit = Circuit("api.poly.ai", lambda: self.now)
        self.is_away = True

    def call(self, urgency: Urgency = Urgency.DELIVERY) -> bool:
        """Make one call if it is allowed; returns whether it was."""
        with working(urgency):
            if self.circuit.wait_seconds():
                return False
        self.circuit.note(is_answer=not self.is_away)
        return True

    def calls(self, seconds: int) -> int:
        """Try ten times a second; returns the number of calls made."""
        made = 0
        for _ in range(10 * seconds):
            made += self.call()
            self.now += 0.1
        return made


@pytest.fixture
def host() -> Host:
    return Host()


def test_an_unavailable_host_is_called_a_few_times_a_minute(host):
    at_first = host.calls(6)
    later = host.calls(300)

    assert 50 <= at_first <= 60, "moments are no outage"
    assert 300 / LONGEST_PROBE_SECONDS <= later <= 30


def test_the_first_answer_closes_the_circuit(host):
    host.calls(60)
    host.is_away = False
    host.calls(int(LONGEST_PROBE_SECONDS))

    assert host.calls(10) == 100


def test_a_few_failures_among_answers_do_not_open_the_circuit(host):
    for number in range(1_000):
        host.is_away = number % 4 != 0
        assert host.call()
        host.now += 2


def test_rare_failing_calls_do_not_open_the_circuit(host):
    for _ in range(4):
        assert host.call()
        host.now += 60


@pytest.mark.parametrize("urgency", [Urgency.ANSWER, Urgency.TAKE_BACK])
def test_answers_to_people_and_take_backs_are_always_tried(host, urgency):
    host.calls(60)
    assert not host.call()

    assert host.call(urgency)


async def test_an_open_circuit_makes_no_connection():
    now, metrics, url = [0.0], Metrics(), f"http://127.0.0.1:{free_port()}/"
    client = build_http_client(2, metrics=metrics, circuits=Circuits(lambda: now[0]))

    async def made() -> float:
        with working(Urgency.DELIVERY), pytest.raises(httpx.TransportError):
            await client.get(url)
        sample = {"host": "127.0.0.1", "status": "none"}
        return metrics.http_requests.labels(**sample)._value.get()

    async with client:
        for number in range(1, 7):
            assert await made() == number
            now[0] += OPENS_AFTER_SECONDS / 4
        assert await made() == 6, "it is away"
        now[0] += 1
        assert await made() == 7, "one call finds out"
        assert await made() == 7
