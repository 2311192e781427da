"""A person's time zone comes from Slack; it is UTC if unknown."""

from bot.sandbox.faults import Fault
from bot.slack.web_api.zones import Zones, zone_named
from tests.slack.conftest import ALICE
from tests.tables import each_row


@each_row(
    ("name", "key"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("Mars/Olympus", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("", "UTC"),
        (None, "UTC"),
        (7, "UTC"),
    ],
)
def test_each_name_is_a_zone_or_utc(name, key):
    assert zone_named(name).key == key


async def test_the_zone_is_read_from_slack(api, workspace):
    workspace.add_user(ALICE, tz="Asia/Tokyo")
    assert (await Zones(api).zone_of(ALICE)).key == "Asia/Tokyo"


async def test_without_an_answer_the_zone_is_utc(api, slack):
    slack.faults.add(Fault("users.info", error="user_not_found"))
    assert (await Zones(api).zone_of(ALICE)).key == "UTC"
