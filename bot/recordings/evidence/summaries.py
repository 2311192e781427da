"""Summarizes deliveries and redaction checks for evidence packs, from their audit events.

If the events were sealed away, the rows are summarized instead, which no hash covers.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from bot.audit.events import DELETIONS, REQUESTS, AuditTag
from bot.audit.log import AuditFilter, all_events
from bot.audit.stored import consecutive, streamed
from bot.store.tables import AuditEventRow, DeliveryRow, RedactionCheckRow

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
    session: AsyncSession, wanted: AuditFilter
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield each delivery of a call or a period: its requester, decision, and when it was visible.

    Those with events come first, the others after them; each oldest first, in bounded memory.
    """
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
        .where(request.tag.in_(REQUESTS))
        .order_by(request.id, event.id)
    )
    call = request.payload["conversation_id"].as_string()
    events = streamed(session, _within(query, wanted, call, request.occurred_at))
    async for its in consecutive(events, lambda row: row.request_id):
        yield {**summary_of(its), "source": "events", "is_pruned": bool(its[0].is_pruned)}
    requests = select(event.id).where(event.delivery_id == DeliveryRow.id, event.tag.in_(REQUESTS))
    async for row in _rows(session, DeliveryRow, wanted, ~requests.exists()):
        yield {
            "delivery": row.id,
            "team": row.team_id,
            "conversation": row.conversation_id,
            "kind": row.kind,
            "asked_by": row.user_id,
            "asked_at": time_text(row.requested_at),
            "asked_redacted": row.asked_redacted,
            "outcome": row.outcome,
            "reason": row.reason,
            "destination": row.destination_channel_id,
            "destination_is_private": row.destination_is_private,
            "state": row.state,
            "error": row.error_code,
            "audible_since": time_text(row.ended_at) if row.share_ts else None,
            "audible_until": time_text(row.taken_back_at),
            # An order to delete it is not a take-back yet, and none if nothing was shared.
            "taken_back_because": row.taken_back_cause if row.taken_back_at else None,
            "replaces": row.replaces_id,
            "source": "row",
            "is_pruned": False,
        }


def summary_of(events: Iterable[AuditEventRow | Row[Any]]) -> Mapping[str, Any]:
    """Summarize the events of one delivery, oldest first. Pure."""
    found: dict[str, Any] = dict.fromkeys(LATER)
    file_id = None
    for each in events:
        payload, at = each.payload, time_text(each.occurred_at)
        if each.tag in REQUESTS:
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
        elif each.tag in DELETIONS and payload.get("file_id") == file_id:  # not a dropped upload
            found |= {"audible_until": at, "taken_back_because": payload.get("cause")}
    return found


async def check_summaries(
    session: AsyncSession, wanted: AuditFilter
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield each finished redaction check of a call or a period."""
    async for each in all_events(session, replace(wanted, tag=AuditTag.REDACTION_CHECKED)):
        yield {
            "check": each.payload.get("check_id"),
            "team": each.team_id,
            "conversation": each.payload.get("conversation_id"),
            "asked_by": each.actor_id,
            "cause": each.payload.get("cause"),
            "delivery": each.delivery_id,
            "ended_at": time_text(each.occurred_at),
            "verdict": each.payload.get("verdict"),
            "source": "events",
        }
    check_id = AuditEventRow.payload["check_id"].as_string()
    # Compared with all at once: no index finds the event of one check.
    recorded = select(check_id).where(
        AuditEventRow.tag == AuditTag.REDACTION_CHECKED, check_id.is_not(None)
    )
    is_unrecorded = RedactionCheckRow.id.not_in(recorded)
    async for row in _rows(session, RedactionCheckRow, wanted, is_unrecorded):
        yield {
            "check": row.id,
            "team": row.team_id,
            "conversation": row.conversation_id,
            "asked_by": row.asked_by,
            "cause": row.cause,
            "delivery": row.delivery_id,
            "ended_at": time_text(row.ended_at),
            "verdict": row.verdict,
            "source": "row",
        }


async def _rows(
    session: AsyncSession,
    table: type[DeliveryRow | RedactionCheckRow],
    wanted: AuditFilter,
    condition: ColumnElement[bool],
) -> AsyncIterator[Any]:
    query = select(table).where(condition).order_by(table.requested_at, table.id)
    within = _within(query, wanted, table.conversation_id, table.requested_at)
    async for (row,) in streamed(session, within):
        yield row


def _within(
    query: Select[*tuple[Any, ...]],
    wanted: AuditFilter,
    call: ColumnElement[str] | InstrumentedAttribute[str],
    at: InstrumentedAttribute[datetime],
) -> Select[*tuple[Any, ...]]:
    """Restrict a query to the wanted call and period."""
    if wanted.conversation_id:
        query = query.where(call == wanted.conversation_id)
    if wanted.since:
        query = query.where(at >= wanted.since)
    if wanted.until:
        query = query.where(at < wanted.until)
    return query


def time_text(at: datetime | None) -> str | None:
    """Format a time as the hash of an event covers it."""
    return at.isoformat(timespec="microseconds") if at else None
