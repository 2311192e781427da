"""One person may press often, but not so often that Slack's limits are used up for others."""

import pytest

from bot.access.administration import Actor
from bot.access.directory import Conversation
from bot.audit.events import AuditTag
from bot.concurrency.urgency import Urgency, urgency_now
from bot.errors import TooManyLookups
from bot.recordings.lookups.call_finder import CallFinder
from bot.recordings.lookups.lookup_limit import MOST, SECONDS, LookupLimit
from tests.recordings.lookups.test_delivery_previewer import previewer_with

ALICE, MALLORY = "U0ALICE", "U0MALLORY"


def test_a_person_over_the_limit_is_refused_for_a_minute_and_others_are_not():
    now = 1000.0
    limit = LookupLimit(lambda: now)
    for _ in range(MOST):
        limit.count(MALLORY)
    now += 20.0
    with pytest.raises(TooManyLookups) as refused:
        limit.count(MALLORY)
    limit.count(ALICE)

    assert refused.value.retry_after_seconds == SECONDS - 20.0
    now += SECONDS - 20.0
    limit.count(MALLORY)


class Membership:
    """Collects the audited refusals."""

    def __init__(self) -> None:
        self.noted: list[tuple[AuditTag, str, object]] = []

    async def note(self, tag: AuditTag, actor: Actor, payload: object) -> None:
        self.noted.append((tag, actor.user_id, payload))


class Spent:
    """A directory whose calls are used up."""

    async def conversation(self, channel_id: str) -> Conversation:
        del channel_id
        assert urgency_now() is Urgency.LOOKUP, "so that the rate limiter leaves others their calls"
        raise TooManyLookups


async def test_a_refused_press_looks_nothing_up_and_is_audited():
    limit, membership = LookupLimit(lambda: 0.0), Membership()
    for _ in range(MOST):
        limit.count(MALLORY)
    actor = Actor("T0QUALITY0", None, MALLORY)
    unused = dict.fromkeys(("clearances", "browser", "agents", "clock"))
    finder = CallFinder(membership=membership, lookup_limit=limit, **unused)
    with pytest.raises(TooManyLookups):
        await finder.screen(actor, "default", None, "")
    for who in (MALLORY, ALICE):  # the second person pressed once, when no calls were left
        previewer = previewer_with(membership=membership, directory=Spent(), lookup_limit=limit)
        asked_by = Actor("T0QUALITY0", None, who)
        with pytest.raises(TooManyLookups):
            await previewer.preview(asked_by, None, "C0QUALITY0", asked_redacted=False)

    about = {"code": "too_many_lookups", "channel_id": "C0QUALITY0"}
    assert membership.noted == [
        (AuditTag.REQUEST_REFUSED, MALLORY, {"code": "too_many_lookups"}),
        (AuditTag.REQUEST_REFUSED, MALLORY, about),
        (AuditTag.REQUEST_REFUSED, ALICE, about),
    ]


def test_fifty_presses_within_five_minutes_are_accepted():
    now = 0.0
    limit = LookupLimit(lambda: now)
    for _ in range(50):
        limit.count(ALICE)
        now += 6.0
