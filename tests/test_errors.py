"""What an error may hold of what somebody typed."""

import pytest

from bot.access.durations import parse_duration
from bot.digests.timetable_text import read_timetable, zone_of
from bot.errors import UsageError, quoted

VICIOUS = "<!channel> `*x*` <https://phish.invalid|here> &lt;"


def test_a_quotation_neither_ends_early_nor_calls_anybody():
    assert quoted(VICIOUS) == "`!channel *x* https://phish.invalid|here lt;`"
    assert quoted("x" * 61) == f"`{'x' * 60}`"


@pytest.mark.parametrize(
    "read",
    [parse_duration, zone_of, lambda typed: read_timetable(typed, "UTC")],
    ids=["duration", "zone", "timetable"],
)
def test_whatever_cannot_be_read_is_told_without_its_sting(read):
    with pytest.raises(UsageError) as caught:
        read(VICIOUS)
    assert quoted(VICIOUS).lower() in caught.value.what.lower()
    told = (caught.value.what, caught.value.likely_cause, caught.value.fix)
    assert not any(sign in each for each in told for sign in "<>&")
