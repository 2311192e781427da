"""The report on an agent's conversations, also if PolyAI's list breaks off."""

import asyncio

import pytest
import structlog

from bot.digests import calls_report as module
from bot.digests.calls_report import CallsReporter
from bot.polyai.errors import PolyAIUnavailable
from bot.recordings.references.agents import AgentNotConfigured
from tests.digests.builders import AGENTS, PERIOD, SINCE, Listing, digest, listed

BEFORE = PERIOD.before


@pytest.fixture
def source() -> Listing:
    now = [listed(n, handoff=n == 3) for n in range(1, 7)]
    before = [listed(n, started_at=BEFORE.since) for n in range(10, 14)]
    return Listing(now + before)


def reporter(source) -> CallsReporter:
    return CallsReporter(source=source, agents=AGENTS)


async def test_a_period_and_the_one_before_are_summarized(source):
    report = await reporter(source).report(digest(), PERIOD)
    assert (report.figures.conversations, report.before.conversations) == (6, 4)
    assert [each.call.conversation_id for each in report.notable] == [listed(3).conversation_id]
    assert report.gap is None
    assert source.asked == [
        ("default", PERIOD.since, PERIOD.until),
        ("default", BEFORE.since, BEFORE.until),
    ]


async def test_an_incomplete_period_names_the_gap_and_has_no_comparison(source):
    source.breaks[SINCE] = (4, PolyAIUnavailable())
    report = await reporter(source).report(digest(), PERIOD)
    assert report.figures.conversations == report.gap.read == 4
    assert (report.gap.earliest, report.gap.latest) == (listed(1).started_at, listed(4).started_at)
    assert report.gap.problem.code == PolyAIUnavailable.code
    assert (report.before, report.before_problem) == (None, None)
    assert len(source.asked) == 1  # a list that fails is not asked for more


async def test_a_failure_of_the_period_before_leaves_out_only_the_comparison(source):
    source.breaks[BEFORE.since] = (2, PolyAIUnavailable())
    report = await reporter(source).report(digest(), PERIOD)
    assert report.gap is None
    assert report.figures.conversations == 6
    assert report.before is None
    assert report.before_problem.code == PolyAIUnavailable.code


async def test_an_unreadable_period_raises(source):
    source.breaks[SINCE] = (0, PolyAIUnavailable())
    with pytest.raises(PolyAIUnavailable):
        await reporter(source).report(digest(), PERIOD)


async def test_an_agent_that_is_no_longer_configured_raises(source):
    with pytest.raises(AgentNotConfigured, match="no longer configured"):
        await reporter(source).report(digest(agent_name="gone"), PERIOD)


async def test_an_unexpected_error_is_raised(source):
    source.breaks[SINCE] = (4, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await reporter(source).report(digest(), PERIOD)


async def test_a_period_without_conversations_gives_a_report():
    report = await reporter(Listing()).report(digest(), PERIOD)
    assert report.figures.conversations == 0
    assert report.gap is None


async def test_progress_is_logged_and_other_tasks_run(source, monkeypatch):
    monkeypatch.setattr(module, "PROGRESS_EVERY", 2)
    monkeypatch.setattr(module, "BREATHE_EVERY", 1)
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    with structlog.testing.capture_logs() as logs:
        await reporter(source).report(digest(), PERIOD)
    beside.cancel()
    assert turns >= 10
    progress = [each["read"] for each in logs if each["event"] == "digest_progress"]
    assert progress == [2, 4, 6, 2, 4]
    assert [(e["read"], e["is_whole"]) for e in logs if e["event"] == "digest_read"] == [
        (6, True),
        (4, True),
    ]
