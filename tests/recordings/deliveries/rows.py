"""Stored deliveries as tests arrange them, and the events that follow."""

from typing import Any

from bot.audit.log import AuditFilter, all_events
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.new_request import NewRequest
from bot.store.database import Database
from bot.store.tables import DeliveryRow
from tests.conftest import NOON
from tests.recordings.requests.test_request_store import REQUEST, RequestStoreSetup


async def stored_delivery(
    database: Database, request: NewRequest = REQUEST, **columns: Any
) -> Delivery:
    """Store a request, and then these columns of its delivery."""
    deliveries = DeliveryStore(database=database, clock=lambda: NOON)
    stored = await RequestStoreSetup(database).store(request)
    delivery = await deliveries.read(stored.delivery_id)
    changed = await deliveries.change(delivery, columns) if columns else delivery
    assert changed
    return changed


async def later_events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Read the tags and payloads after the first event, which is that of a request."""
    async with database.read() as session:
        events = all_events(session, AuditFilter())
        return [(each.tag, dict(each.payload)) async for each in events][1:]


def delivery_row(delivery_id: str, channel: str, **columns: Any) -> DeliveryRow:
    """A delivered raw recording; ``columns`` replace its columns."""
    usual = {
        "source": "command",
        "agent_name": "default",
        "conversation_id": f"CA{delivery_id}",
        "kind": "audio",
        "direction": "combined",
        "asked_redacted": False,
        "origin_channel_id": channel,
        "asked_channel_id": channel,
        "requested_at": NOON,
        "state": "delivered",
        "destination_channel_id": channel,
        "outcome": "raw",
        "reason": "cleared",
        "file_id": f"F{delivery_id}",
        "ended_at": NOON,
    }
    return DeliveryRow(id=delivery_id, **{**usual, **columns})


def under_way(delivery_id: str = "d1", **columns: Any) -> Delivery:
    """A decided delivery of raw that is not uploaded yet, without a store."""
    usual = {"state": "decided", "file_id": None, "ended_at": None}
    return delivery_of(delivery_row(delivery_id, "C0QUALITY0", **{**usual, **columns}))
