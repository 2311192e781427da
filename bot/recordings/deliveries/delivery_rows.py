"""Converts a delivery's row to a frozen value, and parts of it to columns."""

from collections.abc import Mapping
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


def delivery_of(row: DeliveryRow | Row[*tuple[Any, ...]]) -> Delivery:
    """Read a row as a frozen value."""
    return Delivery(
        id=row.id,
        team_id=row.team_id,
        enterprise_id=row.enterprise_id,
        user_id=row.user_id,
        agent_name=row.agent_name,
        conversation_id=row.conversation_id,
        kind=DeliveryKind(row.kind),
        direction=Direction(row.direction),
        asked_redacted=row.asked_redacted,
        origin_channel_id=row.origin_channel_id,
        asked_channel_id=row.asked_channel_id,
        asked_thread_ts=row.asked_thread_ts,
        response_url=SecretStr(row.response_url) if row.response_url else None,
        requested_at=row.requested_at,
        state=State(row.state),
        channel_id=row.destination_channel_id,
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=row.reason,
        destination_is_private=row.destination_is_private,
        announce_tried_at=row.announce_tried_at,
        parent_ts=row.parent_ts,
        card_ts=row.card_ts,
        file_id=row.file_id,
        share_tried_at=row.share_tried_at,
        thawed_at=row.thawed_at,
        share_ts=row.share_ts,
        size_bytes=row.size_bytes,
        length_seconds=row.length_seconds,
        encoding=row.encoding,
        without_picture=row.without_picture,
        ended_at=row.ended_at,
        problem=Problem(**row.problem) if row.problem else None,
        waiting_since=row.waiting_since,
        waiting_notified_at=row.waiting_notified_at,
        notified_at=row.notified_at,
        unverified_since=row.unverified_since,
        shares_unverified_since=row.shares_unverified_since,
        reported_channels=tuple(row.reported_channels or ()),
        taken_back_at=row.taken_back_at,
        taken_back_cause=row.taken_back_cause,
        delete_asked_by=row.delete_asked_by,
        picture_file_id=row.picture_file_id,
        muted=_muted_of(row),
        replaces_id=row.replaces_id,
    )


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
