"""Summarizes pruned deliveries, for evidence packs, from their audit events."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditTag
from bot.audit.log import BATCH
from bot.store.tables import AuditEventRow, DeliveryRow

REQUESTED: Final = (AuditTag.DELIVERY_REQUESTED, AuditTag.DELIVERY_DOWNGRADED)
TAKEN_BACK: Final = (AuditTag.FILE_TAKEN_BACK, AuditTag.FILE_DELETED)
SHOWN: Final = AuditTag.DELIVERY_DELIVERED
ENDS: Final = (
    SHOWN,
    AuditTag.DELIVERY_UNCONFIRMED,
    AuditTag.DELIVERY_REFUSED,
    AuditTag.DELIVERY_FAILED,
)


async def pruned_deliveries(
    session: AsyncSession,
    *,
    conversation_id: str | None,
    since: datetime | None,
    until: datetime | None,
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the summaries of a call's or a period's pruned deliveries, oldest first."""
    event = AuditEventRow
    of_row = select(DeliveryRow.id).where(DeliveryRow.id == event.delivery_id)
    query = select(event.id, event.delivery_id).where(
        event.tag.in_([tag.value for tag in REQUESTED]), ~of_row.correlate(event).exists()
    )
    if conversation_id:
        names_it = event.payload["conversation_id"].as_string() == conversation_id
        query = query.where(names_it)
    if since:
        query = query.where(event.occurred_at >= since)
    if until:
        query = query.where(event.occurred_at < until)
    page = query = query.order_by(event.id).limit(BATCH)
    while True:
        found = (await session.execute(page)).all()
        for each in found:
            its = select(event).where(event.delivery_id == each.delivery_id).order_by(event.id)
            yield summary_of(await session.scalars(its))
        session.expunge_all()
        if len(found) < BATCH:
            return
        page = query.where(event.id > found[-1].id)


def summary_of(events: Iterable[AuditEventRow]) -> Mapping[str, Any]:
    """Summarize the events of one delivery, oldest first. Pure."""
    found: dict[str, Any] = {}
    file_id = None
    for each in events:
        payload = each.payload
        at = each.occurred_at.isoformat(timespec="microseconds")
        if each.tag in REQUESTED:
            found |= {
                "delivery": each.delivery_id,
                "team": each.team_id,
                "conversation": payload.get("conversation_id"),
                "kind": payload.get("kind"),
                "asked_by": each.actor_id,
                "asked_at": at,
                "asked_redacted": payload.get("asked_redacted"),
                "destination": payload.get("channel_id"),
                "replaces": payload.get("replaces"),
                "is_pruned": True,
            }
        elif each.tag == AuditTag.DELIVERY_DECIDED:
            found |= {"outcome": payload.get("outcome"), "reason": payload.get("reason")}
        elif each.tag == AuditTag.DELIVERY_TIGHTENED:
            found |= {"outcome": payload.get("to"), "reason": payload.get("reason")}
        elif each.tag in ENDS:
            file_id = payload.get("file_id")
            found |= {"state": each.tag.rpartition(":")[2], "error": payload.get("code")}
            if each.tag == SHOWN:
                found |= {"destination": payload.get("channel_id"), "audible_since": at}
        elif each.tag in TAKEN_BACK and payload.get("file_id") == file_id:  # not a dropped upload
            found |= {"audible_until": at, "taken_back_because": payload.get("cause")}
    return found
