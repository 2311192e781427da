"""Ended checks are stored with the time at which their recordings were requested."""

from datetime import timedelta

import pytest

from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.redaction_safety import RedactionDiffers, RedactionSafety, Verdict
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.outcome import Comparison
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

pytestmark = pytest.mark.postgresql_at_length

TEAM, CALL, SECOND = "T0QUALITY0", "CA1", timedelta(seconds=1)


@pytest.mark.parametrize(
    ("began_at", "is_refused"),
    [
        pytest.param(NOON - SECOND, True, id="it heard the recording before the difference"),
        pytest.param(NOON + SECOND, False, id="it heard the corrected recording"),
    ],
)
async def test_a_check_without_a_stored_request_proves_only_what_it_fetched_later(
    database, began_at, is_refused
):
    for at, began, found in (
        (NOON, NOON, Comparison(Verdict.DIFFERS, heard_db=-12.0)),
        (NOON + 2 * SECOND, began_at, Comparison(Verdict.PROVEN)),
    ):
        store = CheckStore(database=database, clock=lambda at=at: at)
        check = Check(TEAM, CheckCause.DELIVER, "default", CALL)
        await store.add_ended(check, found, began_at=began)

    row = delivery_row("1", "C0QUALITY0", team_id=TEAM, user_id="U0ALICE")
    async with database.write() as session:
        session.add(row)
        await session.flush()
        delivery = delivery_of(row)
    safety = RedactionSafety(database)
    if is_refused:
        with pytest.raises(RedactionDiffers):
            await safety.require(delivery)
    else:
        await safety.require(delivery)
