"""Time zones as people type them."""

import pytest

from bot.digests.zone_names import ZoneUnknown, is_meant_as_zone, is_zone, zone_of
from tests.tables import each_row


@each_row(
    ("name", "near"),
    [
        ("Europe/Lodnon", "Europe/London"),
        ("Lodnon", "Europe/London"),
        ("new_york", "America/New_York"),
        ("Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Mars/Olympus", None),
        ("`x`", None),
    ],
)
def test_an_unknown_zone_suggests_the_nearest(name, near):
    with pytest.raises(ZoneUnknown) as caught:
        zone_of(name)

    if near:
        assert near in caught.value.likely_cause
    assert caught.value.what.startswith("I do not know the time zone `")
    assert "Europe/London" in caught.value.fix


def test_a_zone_may_be_typed_in_any_case():
    assert zone_of("europe/london").key == "Europe/London"
    assert is_zone("AMERICA/NEW_YORK")
    assert not is_zone("*/15")


@each_row(
    ("word", "is_meant"),
    [
        ("Europe/Lodnon", True),
        ("Mars/Olympus", True),
        ("London", True),
        ("Los_Angeles", True),
        ("Londonn", True),
        ("mon-fri", False),
        ("weekdays", False),
        ("sunday", False),
        ("daily", False),
        ("*/15", False),
        ("09:00", False),
        ("jan/2", False),
        ("sales", False),
    ],
)
def test_a_mistyped_zone_is_distinguished_from_timetable_words(word, is_meant):
    assert is_meant_as_zone(word) is is_meant
