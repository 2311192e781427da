"""Builds the report for either kind of digest."""

from bot.digests.access_report import AccessReporter
from bot.digests.calls_report import CallsReporter
from bot.digests.digest import Digest, DigestKind, Period
from bot.digests.report import Report


class PeriodReporter:
    """The ``Reporter`` for both kinds."""

    def __init__(self, *, calls: CallsReporter, access: AccessReporter) -> None:
        self._calls = calls
        self._access = access

    async def report(self, digest: Digest, period: Period) -> Report:
        """Build a report; it says what could not be read.

        Raises:
            CallAudioError: nothing could be read.
        """
        match digest.kind:
            case DigestKind.CALLS:
                return await self._calls.report(digest, period)
            case DigestKind.ACCESS:
                return await self._access.report(digest, period)
