"""Checks the redacted recordings of deliveries: each one before its share, or a sample after it.

What earlier checks found is refused before the upload: ``deliveries/redaction_safety.py``.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import Delivery, DeliveryKind
from bot.recordings.deliveries.redaction_safety import RedactionDiffers, Verdict
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore, add_due_check
from bot.recordings.redaction.checking import NoRawKey, RedactionChecks
from bot.recordings.redaction.outcome import Uncertainty, inconclusive
from bot.recordings.steps.uploading import Upload

log = get_logger(__name__)

SAMPLED: Final = 0.05
"""The fraction of deliveries whose recordings are compared after their share: one of twenty."""


class RedactionGate:
    """Rejects redacted recordings that differ; stores the outcome of each check."""

    def __init__(self, *, checks: RedactionChecks, store: CheckStore) -> None:
        self._checks = checks
        self._store = store

    async def check(self, delivery: Delivery, upload: Upload) -> None:
        """Check the upload, if it is a redacted recording and there is a raw key.

        Both recordings are fetched again. The digest shows whether the redacted one equals the
        upload; if not, or if the check is inconclusive, it proves nothing.

        Raises:
            RedactionDiffers: the upload must not be shared.
        """
        if delivery.is_raw or delivery.is_transcript:
            return
        check = _check_of(delivery, CheckCause.DELIVER)
        began_at = self._store.clock()
        try:
            found = await self._checks.compare(check)
        except NoRawKey:
            return
        except CallAudioError as error:
            log.info("redaction_not_checked", delivery_id=delivery.id, code=error.code)
            found = inconclusive(Uncertainty.BROKEN_OFF)
        is_same = found.redacted_sha256 == upload.sha256
        if found.verdict in (Verdict.PROVEN, Verdict.NOTHING_MUTED) and not is_same:
            found = replace(found, verdict=Verdict.INCONCLUSIVE, uncertainty=Uncertainty.CHANGED)
        await self._store.add_ended(check, found, began_at=began_at)
        if found.verdict is Verdict.DIFFERS:
            raise RedactionDiffers


class Sampling:
    """Stores a check with the end of a delivery, for a share of deliveries."""

    def __init__(self, agents: Mapping[str, Agent], share: float) -> None:
        self._agents = agents
        self._share = share

    def take(self, session: AsyncSession, row: Row[Any], now: datetime) -> None:
        """Store a check of a redacted recording, if it is sampled and there is a raw key."""
        agent = self._agents.get(row.agent_name)
        if agent is None or agent.pii_api_key is None or row.kind != DeliveryKind.AUDIO.value:
            return
        if _place_of(row.id) < self._share:
            add_due_check(session, _check_of(row, CheckCause.SAMPLE), now)


def _check_of(delivery: Delivery | Row[Any], cause: CheckCause) -> Check:
    return Check(
        delivery.team_id,
        cause,
        delivery.agent_name,
        delivery.conversation_id,
        direction=Direction(delivery.direction),
        delivery_id=delivery.id,
    )


def _place_of(delivery_id: str) -> float:
    """Map a delivery to a number between 0 and 1, always the same."""
    return int.from_bytes(hashlib.sha256(delivery_id.encode()).digest()[:4], "big") / 2**32
