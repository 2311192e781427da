"""Compares an uploaded recording with the raw one before it is shared.

What earlier checks found is refused before the upload: ``deliveries/redaction_safety.py``.
"""

from dataclasses import replace

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.redaction_safety import RedactionDiffers
from bot.recordings.deliveries.redaction_verdict import Verdict
from bot.recordings.redaction.check_store import CheckCause, CheckStore, new_check
from bot.recordings.redaction.checking import NoRawKey, RedactionChecks
from bot.recordings.redaction.outcome import Uncertainty, inconclusive
from bot.recordings.steps.uploading import Upload

log = get_logger(__name__)


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
        check = new_check(
            delivery.team_id,
            CheckCause.DELIVER,
            delivery.agent_name,
            delivery.conversation_id,
            direction=delivery.direction,
            delivery_id=delivery.id,
        )
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
