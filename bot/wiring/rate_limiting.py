"""Chooses which of Slack's limits apply, and where calls are counted."""

from dataclasses import dataclass

from bot.settings.choices import HeldLimits
from bot.settings.model import Settings
from bot.slack.web_api.rate_limit_stores import SharedRateLimitStore
from bot.slack.web_api.rate_limiter import RateLimiter
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class SlackLimits:
    """The published limits; ``scale`` shortens their minute for tests."""

    scale: float = 1.0


def build_rate_limiter(
    settings: Settings, database: Database, limits: SlackLimits | None
) -> RateLimiter:
    """Build the rate limiter: it counts in memory on SQLite, and for all processes on PostgreSQL.

    A stand-in or gateway has no limits until it refuses a call, unless the settings say so.
    """
    store = None if database.is_sqlite else SharedRateLimitStore(database)
    wanted = settings.callaudio_slack_limits
    is_slack_itself = settings.slack_api_url is None
    is_published = is_slack_itself if wanted is None else wanted is HeldLimits.PUBLISHED
    if limits:
        return RateLimiter(store, is_published=True, scale=limits.scale)
    return RateLimiter(store, is_published=is_published)
