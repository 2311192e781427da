"""Each kind of digest has its report."""

from bot.digests.access_report import AccessReporter
from bot.digests.calls_report import CallsReporter
from bot.digests.digest import DigestKind
from bot.digests.report import AccessReport, CallsReport
from bot.digests.reporting import PeriodReporter
from bot.digests.slack_port import Reporter
from bot.store.database import Database
from tests.digests.builders import AGENTS, PERIOD, Listing, digest, listed


async def test_a_digest_gets_the_report_of_its_kind(sqlite_url):
    database = Database(sqlite_url)
    reporter: Reporter = PeriodReporter(
        calls=CallsReporter(source=Listing([listed()]), agents=AGENTS),
        access=AccessReporter(database=database),
    )
    calls = await reporter.report(digest(kind=DigestKind.CALLS), PERIOD)
    access = await reporter.report(digest(kind=DigestKind.ACCESS), PERIOD)
    await database.close()
    assert isinstance(calls, CallsReport)
    assert calls.figures.conversations == 1
    assert isinstance(access, AccessReport)
