"""Chooses which of Slack's limits apply, and where spent calls are counted."""

from dataclasses import dataclass

from bot.settings.model import HeldLimits, Settings
from bot.slack.web_api.budget import Budget
from bot.slack.web_api.ledgers import SharedLedger
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class SlackLimits:
    """The published limits; ``scale`` shortens their minute for tests."""

    scale: float = 1.0


def build_budget(settings: Settings, database: Database, limits: SlackLimits | None) -> Budget:
    """Build the budget: of one worker on SQLite, or shared by all on PostgreSQL.

    A stand-in or gateway has no limits until it refuses a call, unless the settings say so.
    """
    ledger = None if database.is_sqlite else SharedLedger(database)
    wanted = settings.callaudio_slack_limits
    is_slack_itself = settings.slack_api_url is None
    is_published = is_slack_itself if wanted is None else wanted is HeldLimits.PUBLISHED
    if limits:
        return Budget(ledger, is_published=True, scale=limits.scale)
    return Budget(ledger, is_published=is_published)
