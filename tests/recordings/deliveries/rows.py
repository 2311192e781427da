"""Rows of deliveries, as tests of what is stored arrange them."""

from typing import Any

from bot.store.tables import DeliveryRow
from tests.conftest import NOON


def delivery_row(delivery_id: str, channel: str, **columns: Any) -> DeliveryRow:
    """A delivered raw recording; ``columns`` replace its columns."""
    usual = {
        "source": "command",
        "agent_name": "default",
        "conversation_id": f"CA{delivery_id}",
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
