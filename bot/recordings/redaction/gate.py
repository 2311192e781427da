"""Holds a recording against the raw one after its last byte went, and before anybody sees it."""

from dataclasses import replace

from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.recordings.delivery_store import Delivery
from bot.recordings.fetching import Upload
from bot.recordings.redaction.check_store import CheckCause, CheckStore, new_check
from bot.recordings.redaction.checking import NoRawKey, RedactionChecks
from bot.recordings.redaction.outcome import Uncertainty, Verdict, inconclusive

log = get_logger(__name__)


class RedactionDiffers(CallAudioError):
    """The redacted recording lets something be heard that is muted elsewhere in it."""

    code = "redaction_differs"
    what = "The recording was not posted: something can be heard in it that should be muted."
    likely_cause = "PolyAI's redaction left something out, or muted it in part."
    fix = "Ask whoever runs callaudio to look at it with `callaudio check-redaction`."


class RedactionGate:
    """Lets redacted recordings pass unless they differ; stores what came of each check."""

    def __init__(self, *, checks: RedactionChecks, store: CheckStore) -> None:
        self._checks = checks
        self._store = store

    async def admit(self, delivery: Delivery, upload: Upload) -> None:
        """Check what was uploaded, where it is a redacted recording and there is a raw key.

        Both recordings are requested once more. The digest tells whether the redacted one is what
        was uploaded; where it is not, or nothing can be learnt, nothing is proved by it.

        Raises:
            RedactionDiffers: it must not be seen by anybody.
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
        await self._store.add_ended(check, found)
        if found.verdict is Verdict.DIFFERS:
            raise RedactionDiffers
