"""Facts of a call: a few reads at a time, each with a short time limit."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.polyai import calls
from bot.polyai.calls import MAX_READS, CallReader
from bot.polyai.errors import PolyAIUnavailable
from bot.polyai.payloads import call_facts

CALL = "CAabcd1234567abcdef1250065d4fc7389"


class CountingPolyAI:
    """A PolyAI that answers when released, and counts concurrent reads."""

    def __init__(self) -> None:
        self.now = self.most = self.asked = 0
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def conversation(self, _agent, conversation_id):
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.may_answer.wait()
            if self.error:
                raise self.error
            return call_facts({}, conversation_id=conversation_id)
        finally:
            self.now -= 1


@pytest.fixture
def polyai():
    return CountingPolyAI()


@pytest.fixture
def _one_read(monkeypatch):
    monkeypatch.setattr(calls, "MAX_READS", 1)


async def settled():
    """Run all tasks that are ready."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_reads_are_limited_and_all_callers_get_their_facts(polyai, agent):
    reader = CallReader(polyai)
    reads = [asyncio.create_task(reader.read(agent, f"CA{n}")) for n in range(3 * MAX_READS)]
    await settled()
    assert polyai.asked == MAX_READS

    polyai.may_answer.set()

    read = await asyncio.gather(*reads)
    assert [facts.conversation_id for facts in read] == [f"CA{n}" for n in range(3 * MAX_READS)]
    assert polyai.most == MAX_READS


@pytest.mark.usefixtures("_one_read")
async def test_a_read_that_takes_too_long_is_given_up_and_releases_its_slot(polyai, agent):
    reader = CallReader(polyai, longest_seconds=0.05)

    with capture_logs() as lines:
        assert await asyncio.gather(*(reader.read(agent, CALL) for _ in range(3))) == [None] * 3

    assert polyai.most == 1, "the others waited for a place alone"
    assert [line["code"] for line in lines] == ["too_slow"] * 3
    polyai.may_answer.set()
    facts = await reader.read(agent, CALL)
    assert facts is not None


@pytest.mark.usefixtures("_one_read")
async def test_a_failed_read_releases_its_slot(polyai, agent):
    reader = CallReader(polyai)
    polyai.may_answer.set()
    polyai.error = PolyAIUnavailable()
    assert await reader.read(agent, CALL) is None
    polyai.error = None
    assert await reader.read(agent, CALL) is not None


@pytest.mark.usefixtures("_one_read")
async def test_readers_do_not_wait_for_one_another(polyai, agent):
    forms, deliveries = CallReader(polyai), CallReader(polyai)
    first = asyncio.create_task(forms.read(agent, CALL))
    second = asyncio.create_task(deliveries.read(agent, CALL))
    await settled()
    assert polyai.asked == 2
    polyai.may_answer.set()
    assert None not in await asyncio.gather(first, second)


async def test_facts_are_read_once_for_all_callers(polyai, agent):
    reader = CallReader(polyai)
    facts = reader.begin(agent, CALL)
    telling = [asyncio.create_task(reader.known(agent, CALL)) for _ in range(2)]
    await settled()
    assert polyai.asked == 1
    polyai.may_answer.set()
    told = [await facts(), await facts(), *await asyncio.gather(*telling)]
    assert {each.conversation_id for each in told if each} == {CALL}
    assert polyai.asked == 1


async def test_facts_are_read_if_not_begun_or_failed_and_again_for_each_begin(polyai, agent):
    reader = CallReader(polyai)
    polyai.may_answer.set()
    assert await reader.known(agent, CALL) is not None
    polyai.error = PolyAIUnavailable()
    assert await reader.begin(agent, CALL)() is None
    polyai.error = None
    assert await reader.known(agent, CALL) is not None
    assert await reader.begin(agent, CALL)() is not None
    assert polyai.asked == 4


async def test_a_cancelled_caller_does_not_cancel_the_read_of_others(polyai, agent):
    reader = CallReader(polyai)
    facts = reader.begin(agent, CALL)
    giving_up = asyncio.create_task(reader.known(agent, CALL))
    await settled()
    giving_up.cancel()
    await settled()
    polyai.may_answer.set()
    assert await facts() is not None


async def test_few_facts_are_kept_including_those_being_read(polyai, agent, monkeypatch):
    monkeypatch.setattr(calls, "MOST_KEPT", 2)
    reader = CallReader(polyai)
    started = [reader.begin(agent, f"CA{n}") for n in range(4)]
    await settled()
    polyai.may_answer.set()
    assert None not in [await facts() for facts in started]
    reader.begin(agent, "CA4")
    await settled()
    for n in (3, 4):
        await reader.known(agent, f"CA{n}")
    assert polyai.asked == 5
    await reader.known(agent, "CA0")
    assert polyai.asked == 6


async def test_closing_cancels_every_read(polyai, agent):
    reader = CallReader(polyai)
    reader.begin(agent, CALL)
    await settled()
    await reader.close()
    assert polyai.now == 0
