"""Converts a delivery's row to a frozen value, and parts of it to columns."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import Row

from bot.access.policy import Outcome
from bot.polyai.payloads import Direction
from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.deliveries.delivery import Delivery, DeliveryKind, Problem, State
from bot.store.tables import DeliveryRow

NO_UPLOAD: Final[Mapping[str, None]] = MappingProxyType(
    dict.fromkeys(
        (
            "file_id",
            "picture_file_id",
            "muted_spans",
            "muted_seconds",
            "muted_where",
            "share_tried_at",
            "taken_back_cause",
            "must_go_since",
        )
    )
)
"""The columns of a delivery whose upload was dropped: its picture goes with it.

So does an order to delete it: the next upload is decided after that order.
"""

_OF_BOTH: Final = tuple(
    each.name for each in fields(Delivery) if each.name in DeliveryRow.__table__.columns
)
"""The fields that have the name of their column."""


def delivery_of(row: DeliveryRow | Row[*tuple[Any, ...]]) -> Delivery:
    """Read a row as a frozen value."""
    converted: dict[str, Any] = {
        "kind": DeliveryKind(row.kind),
        "direction": Direction(row.direction),
        "response_url": SecretStr(row.response_url) if row.response_url else None,
        "state": State(row.state),
        "channel_id": row.destination_channel_id,
        "outcome": Outcome(row.outcome) if row.outcome else None,
        "problem": Problem(**row.problem) if row.problem else None,
        "reported_channels": tuple(row.reported_channels or ()),
        "muted": _muted_of(row),
    }
    return Delivery(**{name: getattr(row, name) for name in _OF_BOTH} | converted)


def muted_columns(muted: SpanSummary | None) -> dict[str, Any]:
    """Return the columns for the spans where a recording is muted."""
    if muted is None:
        return {}
    where = [[round(each.start_seconds, 3), round(each.end_seconds, 3)] for each in muted.kept]
    return {
        "muted_spans": muted.count,
        "muted_seconds": muted.seconds,
        "muted_where": {"spans": where},
    }


def _muted_of(row: DeliveryRow | Row[*tuple[Any, ...]]) -> SpanSummary | None:
    if row.muted_spans is None or row.muted_seconds is None:
        return None
    where = (row.muted_where or {}).get("spans") or []
    return SpanSummary(row.muted_spans, row.muted_seconds, tuple(Span(*each) for each in where))
