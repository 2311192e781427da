"""Samples delivered recordings for a redaction check."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from bot.polyai.agents import Agent
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.redaction.check_store import CheckCause, add_due_check, new_check

SHARE: Final = 0.05
"""One of twenty."""


class Sampling:
    """Stores a check with the end of a delivery, for a share of deliveries."""

    def __init__(self, agents: Mapping[str, Agent], share: float = SHARE) -> None:
        self._agents = agents
        self._share = share

    def take(self, session: AsyncSession, row: Row[Any], now: datetime) -> None:
        """Store a check of a redacted recording, if it is sampled and there is a raw key."""
        agent = self._agents.get(row.agent_name)
        if agent is None or agent.pii_api_key is None or row.kind != DeliveryKind.AUDIO.value:
            return
        if _place_of(row.id) >= self._share:
            return
        check = new_check(
            row.team_id,
            CheckCause.SAMPLE,
            row.agent_name,
            row.conversation_id,
            direction=Direction(row.direction),
            delivery_id=row.id,
        )
        add_due_check(session, check, now)


def _place_of(delivery_id: str) -> float:
    """Map a delivery to a number between 0 and 1, always the same."""
    return int.from_bytes(hashlib.sha256(delivery_id.encode()).digest()[:4], "big") / 2**32
