"""Intervals, limits and time-outs of a running bot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from bot.digests.due_slots import CatchUp
from bot.home.publishing import CHECK_EVERY as CHECK_HOMES_EVERY
from bot.jobs.retry_rule import RetryRule
from bot.jobs.upkeep import CLEAN_AFTER
from bot.jobs.work_loop import LEASE, POLL_SECONDS
from bot.polyai.calls import LONGEST_READ_SECONDS
from bot.recordings.redaction.redaction_gate import SAMPLED
from bot.recordings.steps.card_progress import ProgressIntervals
from bot.recordings.steps.delivery_decision import FactRetryWindow
from bot.recordings.steps.notification import FIRST_WAIT
from bot.recordings.steps.sharing import VISIBILITY_WAITS_SECONDS
from bot.recordings.take_back.take_back import CHECK_EVERY
from bot.recordings.transfer.transfer_speed import MinimumSpeed

DRAIN_SECONDS: Final = 3.0
"""How long running deliveries may take to finish after a signal to stop.

Docker kills a process ten seconds after SIGTERM, Heroku after thirty. Within ten seconds the bot
ends, in sequence, responses in progress (``bot/cli/serve.py``), the socket
(``bot/slack/socket_mode.py``), running deliveries, and the hand-over of unfinished work
(``bot/jobs/work_loop.py``).
"""


@dataclass(frozen=True, slots=True)
class Timings:
    """Intervals, limits and time-outs; tests use shorter ones."""

    visibility_waits_seconds: Sequence[float] = VISIBILITY_WAITS_SECONDS
    retry: RetryRule = field(default_factory=RetryRule)
    fact_retry_window: FactRetryWindow = field(default_factory=FactRetryWindow)
    notify_again: timedelta = FIRST_WAIT
    lease: timedelta = LEASE
    poll_seconds: float = POLL_SECONDS
    drain_seconds: float = DRAIN_SECONDS
    check_every: timedelta = CHECK_EVERY
    facts_seconds: float = LONGEST_READ_SECONDS
    minimum_speed: MinimumSpeed = field(default_factory=MinimumSpeed)
    progress: ProgressIntervals = field(default_factory=ProgressIntervals)
    access_again_after: timedelta = timedelta(seconds=60)
    home_check_every: timedelta = CHECK_HOMES_EVERY
    clean_up_after: timedelta = CLEAN_AFTER
    redaction_share: float = SAMPLED
    catch_up: CatchUp = field(default_factory=CatchUp)
    slack_minute_scale: float | None = None
    """Shortens the minute of Slack's published limits for tests.

    None: the published limits, or behind another URL only those that a refusal reveals.
    """
