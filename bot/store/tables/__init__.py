"""Every table the bot owns; `migrations/` builds exactly these (a test compares the two).

Times are aware UTC. Ids are Slack's and PolyAI's own, opaque. Nothing here holds audio, a
transcript, a phone number, a token or an upload URL.
"""

from bot.store.tables.access import AccessRequestRow, GrantRow, GroupChangeRow, StandingRow
from bot.store.tables.audit import AuditCheckpointRow, AuditEventRow, AuditHeadRow
from bot.store.tables.base import Base, UtcDateTime
from bot.store.tables.deliveries import DeliveryRow, OrphanedFileRow, RecentRequestRow
from bot.store.tables.digests import DigestRow, DigestRunRow
from bot.store.tables.home import HomeRow
from bot.store.tables.redaction import CanaryRow, RedactionCheckRow
from bot.store.tables.work import DueWorkRow, SlackBudgetRow

__all__ = [
    "AccessRequestRow",
    "AuditCheckpointRow",
    "AuditEventRow",
    "AuditHeadRow",
    "Base",
    "CanaryRow",
    "DeliveryRow",
    "DigestRow",
    "DigestRunRow",
    "DueWorkRow",
    "GrantRow",
    "GroupChangeRow",
    "HomeRow",
    "OrphanedFileRow",
    "RecentRequestRow",
    "RedactionCheckRow",
    "SlackBudgetRow",
    "StandingRow",
    "UtcDateTime",
]
