"""A few seconds of chaos; `make chaos` is minutes of it, with more processes."""

import psycopg

from tests.chaos.report import report_of_findings
from tests.chaos.run import Plan, chaos

PLAN = Plan(seed=7, seconds=5, webs=2, workers=2, commands_a_second=3)
END_EVERY_SESSION = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_every_request_is_delivered_once_despite_faults(
    nursery, migrated_postgresql, tmp_path
):
    url = migrated_postgresql()

    async def restart() -> None:
        """Cut the connections to this database only, because other tests use the server too."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(END_EVERY_SESSION)

    outcome = await chaos(PLAN, nursery, url, tmp_path, restart)

    report = [*outcome.story.events, *report_of_findings(outcome)]
    assert not outcome.findings, "\n".join(report)
    assert len(outcome.story.asked) >= 5
