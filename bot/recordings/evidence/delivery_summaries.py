"""Summarizes deliveries, for evidence packs, from their audit events."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.audit.events import AuditTag
from bot.audit.stored import consecutive, streamed
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
LATER: Final = (
    "outcome",
    "reason",
    "destination_is_private",
    "state",
    "error",
    "audible_since",
    "audible_until",
    "taken_back_because",
)
"""What a delivery has no value of until an event records it."""


async def delivery_summaries(
    session: AsyncSession,
    *,
    conversation_id: str | None,
    since: datetime | None,
    until: datetime | None,
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the summaries of a call's or a period's deliveries, oldest first, in bounded memory."""
    request, event = aliased(AuditEventRow), AuditEventRow
    query = (
        select(
            *(event.tag, event.occurred_at, event.team_id, event.actor_id),
            *(event.delivery_id, event.payload),
            request.id.label("request_id"),
            DeliveryRow.id.is_(None).label("is_pruned"),
        )
        .select_from(request)
        .join(event, event.delivery_id == request.delivery_id)
        .outerjoin(DeliveryRow, DeliveryRow.id == request.delivery_id)
        .where(request.tag.in_([tag.value for tag in REQUESTED]))
        .order_by(request.id, event.id)
    )
    if conversation_id:
        names_it = request.payload["conversation_id"].as_string() == conversation_id
        query = query.where(names_it)
    if since:
        query = query.where(request.occurred_at >= since)
    if until:
        query = query.where(request.occurred_at < until)
    async for its in consecutive(streamed(session, query), lambda row: row.request_id):
        yield _summary(its)


def _summary(events: list[Row[Any]]) -> Mapping[str, Any]:
    return {**summary_of(events), "source": "events", "is_pruned": bool(events[0].is_pruned)}


def summary_of(events: Iterable[AuditEventRow | Row[Any]]) -> Mapping[str, Any]:
    """Summarize the events of one delivery, oldest first. Pure."""
    found: dict[str, Any] = dict.fromkeys(LATER)
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
                # The bot requests the redacted recording for the person whose raw one it replaces.
                "asked_by": payload.get("subject_id", each.actor_id),
                "asked_at": at,
                "asked_redacted": payload.get("asked_redacted"),
                "destination": payload.get("channel_id"),
                "replaces": payload.get("replaces"),
            }
        elif each.tag in (AuditTag.DELIVERY_DECIDED, AuditTag.DELIVERY_TIGHTENED):
            found |= {
                "outcome": payload.get("outcome", payload.get("to")),
                "reason": payload.get("reason"),
                "destination_is_private": payload.get("destination_is_private"),
            }
        elif each.tag in ENDS:
            file_id = payload.get("file_id")
            found |= {"state": each.tag.rpartition(":")[2], "error": payload.get("code")}
            if each.tag == SHOWN:
                found |= {"destination": payload.get("channel_id"), "audible_since": at}
        elif each.tag in TAKEN_BACK and payload.get("file_id") == file_id:  # not a dropped upload
            found |= {"audible_until": at, "taken_back_because": payload.get("cause")}
    return found
