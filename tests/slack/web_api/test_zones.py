"""A person's zone is Slack's word for it, and UTC where there is none that is known."""

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
def test_a_name_is_a_zone_or_utc(name, key):
    assert zone_named(name).key == key


async def test_it_is_read_from_slack(api, workspace):
    workspace.add_user(ALICE, tz="Asia/Tokyo")
    assert (await Zones(api).zone_of(ALICE)).key == "Asia/Tokyo"


async def test_it_is_utc_where_slack_does_not_tell(api, slack):
    slack.faults.add(Fault("users.info", error="user_not_found"))
    assert (await Zones(api).zone_of(ALICE)).key == "UTC"
