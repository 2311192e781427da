"""Makes the report that a digest of its kind tells."""

from bot.digests.access_report import AccessReporter
from bot.digests.calls_report import CallsReporter
from bot.digests.digest import Digest, DigestKind, Period
from bot.digests.report import Report


class PeriodReporter:
    """The ``Reporter`` of both kinds."""

    def __init__(self, *, calls: CallsReporter, access: AccessReporter) -> None:
        self._calls = calls
        self._access = access

    async def report(self, digest: Digest, period: Period) -> Report:
        """Read and sum up; what could not be read is told in the report.

        Raises:
            CallAudioError: nothing could be read at all.
        """
        match digest.kind:
            case DigestKind.CALLS:
                return await self._calls.report(digest, period)
            case DigestKind.ACCESS:
                return await self._access.report(digest, period)
