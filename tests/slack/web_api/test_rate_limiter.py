"""Calls wait for their turn within Slack's limits, in the order of their urgency."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

import pytest

from bot.concurrency.urgency import Urgency, working
from bot.errors import TooManyLookups
from bot.observability.metrics import Metrics
from bot.sandbox.published_limits import PUBLISHED_LIMITS
from bot.slack.web_api.admission import Admission
from bot.slack.web_api.errors import SlackRateLimited
from bot.slack.web_api.rate_limit_stores import MemoryRateLimitStore
from bot.slack.web_api.rate_limiter import RateLimiter
from tests.slack.web_api.virtual_time import VirtualTime

INFO, UPDATE, POST = "conversations.info", "chat.update", "chat.postMessage"
MEMBERS, USER = "conversations.members", "users.info"
CALL_SECONDS = 0.1


@pytest.fixture
def virtual() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def limiter(virtual: VirtualTime) -> RateLimiter:
    return limiter_on(virtual)


def limiter_on(
    virtual: VirtualTime, store: MemoryRateLimitStore | None = None, **more: bool
) -> RateLimiter:
    store = store or MemoryRateLimitStore(virtual.monotonic)
    more = {"is_published": True, **more}
    return RateLimiter(store, monotonic=virtual.monotonic, sleep=virtual.sleep, **more)


async def enter(
    limiter: RateLimiter, urgency: Urgency, method: str = INFO, **arguments: str
) -> None:
    with working(urgency):
        await limiter.enter(method, arguments)


async def spend_all(limiter: RateLimiter) -> None:
    for _ in range(50):
        await enter(limiter, Urgency.DELIVERY)


async def test_a_call_beyond_the_limit_waits_until_one_of_the_last_minute_is_over(virtual, limiter):
    await virtual.until_done(spend_all(limiter))
    assert 59 < await virtual.seconds_of(enter(limiter, Urgency.DELIVERY)) < 63


async def test_waiting_calls_continue_by_urgency_and_then_by_arrival(virtual, limiter):
    order = []

    async def ask(name: str, urgency: Urgency) -> None:
        await enter(limiter, urgency)
        order.append(name)

    async def story() -> None:
        await spend_all(limiter)
        asked = [
            ("upkeep", Urgency.UPKEEP),
            ("first", Urgency.DELIVERY),
            ("second", Urgency.DELIVERY),
            ("check", Urgency.CHECK),
        ]
        await asyncio.gather(*(ask(name, urgency) for name, urgency in asked))

    await virtual.until_done(story())
    assert order == ["check", "first", "second", "upkeep"]


async def test_a_look_up_that_began_to_list_members_lists_all_of_them(limiter):
    await enter(limiter, Urgency.LOOKUP, MEMBERS)
    for page in range(75):  # of a channel of fifteen thousand
        await enter(limiter, Urgency.LOOKUP, MEMBERS, cursor=f"page {page}")

    with pytest.raises(TooManyLookups):
        await enter(limiter, Urgency.LOOKUP, MEMBERS)


@pytest.mark.parametrize("webs", [1, 3])
async def test_one_member_look_up_of_each_process_exceeds_the_share_of_look_ups(virtual, webs):
    store, read_at, results = MemoryRateLimitStore(virtual.monotonic), [], Counter[str]()
    pressed_at = [limiter_on(virtual, store) for _ in range(webs)]

    async def look_up(limiter: RateLimiter) -> None:
        try:
            for page in range(50):  # of a channel of ten thousand
                cursor = {"cursor": f"page {page}"} if page else {}
                await enter(limiter, Urgency.LOOKUP, MEMBERS, **cursor)
                read_at.append(virtual.now)
                await virtual.sleep(0.1)
            results["answered"] += 1
        except TooManyLookups:
            results["refused"] += 1

    async def story() -> None:
        pressed = []
        for number in range(240):  # four a second
            pressed.append(asyncio.create_task(look_up(pressed_at[number % webs])))
            await virtual.sleep(0.25)
        await asyncio.gather(*pressed)

    await virtual.until_done(story())
    within_a_minute = sum(at < read_at[0] + 60 for at in read_at)
    assert within_a_minute <= 60 + webs * 49
    assert results["answered"] >= 1, "and people are still answered"


async def test_look_ups_of_many_people_do_not_delay_admins(limiter):
    for _ in range(60):
        await enter(limiter, Urgency.LOOKUP, USER)
    with pytest.raises(TooManyLookups):
        await enter(limiter, Urgency.LOOKUP, USER)

    await enter(limiter, Urgency.ANSWER, USER)


@pytest.mark.parametrize("urgency", [Urgency.ANSWER, Urgency.LOOKUP, Urgency.TAKE_BACK])
async def test_answers_and_take_backs_never_wait_for_a_turn(virtual, limiter, urgency):
    await virtual.until_done(spend_all(limiter))
    assert await virtual.seconds_of(enter(limiter, urgency)) == 0


@pytest.mark.parametrize("webs", [1, 3])
@pytest.mark.parametrize("method", [INFO, MEMBERS, USER])
async def test_many_presses_of_buttons_do_not_stop_checks_and_deliveries(virtual, webs, method):
    store, waited, put_off = MemoryRateLimitStore(virtual.monotonic), [], []
    pressed_at = [limiter_on(virtual, store) for _ in range(webs)]
    worker = limiter_on(virtual, store)
    answered = Counter[str]()

    async def press() -> None:
        for number in range(720):  # four a second
            try:
                await enter(pressed_at[number % webs], Urgency.LOOKUP, method)
                answered["answered"] += 1
            except TooManyLookups as error:
                answered["refused"] += 1
                put_off.append(error.retry_after_seconds or 0.0)
            await virtual.sleep(0.25)

    async def work(urgency: Urgency, every: float) -> None:
        for _ in range(int(180 / every)):
            began = virtual.now
            await enter(worker, urgency, method)
            waited.append(virtual.now - began)
            await virtual.sleep(every)

    async def story() -> None:
        await asyncio.gather(press(), work(Urgency.CHECK, 6.0), work(Urgency.DELIVERY, 10.0))

    await virtual.until_done(story())
    assert max(waited) < 45, "none waited for long enough to be put off"
    assert answered["answered"] >= 60, "and people are still answered"
    assert answered["refused"] >= 180
    assert min(put_off) > 0
    assert max(put_off) <= 62, "they may try again in a minute, as they are told"


async def test_a_person_who_presses_rarely_is_never_refused_and_costs_no_query(virtual):
    limiter = limiter_on(virtual, UnavailableStore(virtual.monotonic))
    limiter.take = None
    for _ in range(50):
        await enter(limiter, Urgency.ANSWER)
        virtual.now += 30


async def test_progress_is_not_shown_if_other_work_needs_the_calls(limiter):
    for _ in range(25):
        await enter(limiter, Urgency.PROGRESS, UPDATE)

    with pytest.raises(SlackRateLimited):
        await enter(limiter, Urgency.PROGRESS, UPDATE)
    await enter(limiter, Urgency.DELIVERY, UPDATE)


async def test_a_retry_after_delays_every_process_that_shares_the_table(virtual):
    store = MemoryRateLimitStore(virtual.monotonic)
    one, other = limiter_on(virtual, store), limiter_on(virtual, store)
    for limiter in (one, other):
        for _ in range(6):  # beyond the calls made without the store
            await virtual.until_done(enter(limiter, Urgency.DELIVERY))
    await one.hold(INFO, {}, 30)
    assert await virtual.seconds_of(enter(other, Urgency.DELIVERY)) >= 30


async def test_calls_of_a_process_that_never_waits_are_counted_by_the_others(virtual):
    store = MemoryRateLimitStore(virtual.monotonic)
    web, worker = limiter_on(virtual, store), limiter_on(virtual, store)

    async def story() -> float:
        for _ in range(30):
            await enter(web, Urgency.ANSWER)
            await asyncio.sleep(0)
        began = virtual.now
        for _ in range(18):
            await enter(worker, Urgency.DELIVERY)
        assert virtual.now == began
        for _ in range(6):
            await enter(worker, Urgency.DELIVERY)
        return virtual.now - began

    assert await virtual.until_done(story()) > 59


@pytest.mark.parametrize(("seconds", "waits"), [(5.0, True), (31.0, False), (600.0, False)])
async def test_a_long_retry_after_postpones_the_work_instead_of_waiting(
    virtual, limiter, seconds, waits
):
    await limiter.hold(INFO, {}, seconds)
    if waits:
        await virtual.until_done(enter(limiter, Urgency.DELIVERY))
        return

    with pytest.raises(SlackRateLimited) as put_off:
        await enter(limiter, Urgency.DELIVERY)

    assert put_off.value.retry_after_seconds == seconds
    assert put_off.value.retryable


async def test_without_published_limits_a_limit_applies_from_the_first_refusal(virtual):
    limiter = limiter_on(virtual, is_published=False)
    for _ in range(3):
        await virtual.until_done(spend_all(limiter))

    async def story() -> None:
        await limiter.hold(INFO, {}, 1)
        await spend_all(limiter)
        await enter(limiter, Urgency.DELIVERY)

    assert await virtual.seconds_of(story()) > 60


class UnavailableStore(MemoryRateLimitStore):
    async def take(self, *_: object, **__: object) -> None:
        raise ConnectionError


async def test_while_the_table_is_unavailable_only_slack_limits_the_calls(virtual):
    limiter = limiter_on(virtual, UnavailableStore(virtual.monotonic))

    await virtual.until_done(spend_all(limiter))
    await virtual.until_done(enter(limiter, Urgency.DELIVERY))


async def test_the_first_deliveries_of_an_idle_process_never_query_the_table(virtual):
    limiter = limiter_on(virtual, UnavailableStore(virtual.monotonic))
    limiter.take = None
    admission = Admission(limiter, virtual.monotonic)
    worker = Worker(limiter, admission, deque(), virtual, Slack(virtual))

    for _ in range(2):
        assert await admission.admit(32) == 1
        admission.note_claimed(1, 1)
        await virtual.until_done(worker.run("d1"))
        admission.note_claimed(1, 0)  # the next poll finds nothing
        virtual.now += 30


@dataclass
class Slack:
    """Counts calls by Slack's published limits, and refuses those above them."""

    virtual: VirtualTime
    calls: dict[str, deque[float]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    def call(self, method: str, channel: str) -> None:
        limit, seconds, key = PUBLISHED_LIMITS.get(method, 10_000), 60.0, method
        if method == POST:
            limit, seconds, key = 1, 1.0, f"{method} {channel}"
        made = self.calls.setdefault(key, deque())
        while made and made[0] <= self.virtual.now - seconds:
            made.popleft()
        if len(made) >= limit:
            self.refused[method] += 1
        made.append(self.virtual.now)


@dataclass
class Worker:
    """Claims deliveries as they are admitted, and makes the calls of each."""

    limiter: RateLimiter
    admission: Admission
    queue: deque[str]
    virtual: VirtualTime
    slack: Slack

    async def work(self) -> None:
        running: list[asyncio.Task[object]] = []
        while self.queue:
            admitted = await self.admission.admit(32)
            keys = [self.queue.popleft() for _ in range(min(admitted, len(self.queue)))]
            if admitted:
                self.admission.note_claimed(admitted, len(keys))
            running += [asyncio.create_task(self.run(key)) for key in keys]
            if self.queue:
                await self.virtual.sleep(max(self.admission.again_seconds, 0.01))
        await asyncio.gather(*running)

    async def run(self, key: str) -> None:
        self.admission.assign_reserved()
        channel = f"C{int(key[1:]) % 3}"
        decision = [INFO, "conversations.members", "users.info"]
        upload = ["files.getUploadURLExternal", POST, "files.getUploadURLExternal"]
        share = ["files.completeUploadExternal", "files.info", UPDATE]
        for method in (*decision, *upload, *decision, *share):
            await enter(self.limiter, Urgency.DELIVERY, method, channel=channel)
            await self.virtual.sleep(CALL_SECONDS)
            self.slack.call(method, channel)


@pytest.mark.parametrize("workers", [1, 4])
async def test_two_hundred_deliveries_take_the_time_of_the_limits_without_a_refusal(
    virtual, workers
):
    queue, slack = deque(f"d{number}" for number in range(200)), Slack(virtual)
    store = MemoryRateLimitStore(virtual.monotonic)

    limiters = [limiter_on(virtual, store) for _ in range(workers)]
    crew = [
        Worker(each, Admission(each, virtual.monotonic), queue, virtual, slack) for each in limiters
    ]

    async def story() -> None:
        await asyncio.gather(*(each.work() for each in crew))

    seconds = await virtual.seconds_of(story())

    least_seconds = 60 * (200 * 2 / 50 - 1)
    assert slack.refused.total() <= 2
    assert seconds <= 1.1 * least_seconds


async def test_metrics_show_the_limit_and_the_delay_of_each_method(virtual):
    metrics = Metrics()

    def told(name: str, method: str) -> float | None:
        return metrics.registry.get_sample_value(f"callaudio_{name}", {"method": method})

    learning = limiter_on(virtual, is_published=False)
    learning.measure(metrics)
    assert told("slack_calls_allowed", INFO) is None

    await learning.hold(INFO, {}, 30.0)
    learning.measure(metrics)
    assert told("slack_calls_allowed", INFO) == 50
    assert told("slack_held_seconds", INFO) == 30
    assert told("slack_held_seconds", "users.info") is None
