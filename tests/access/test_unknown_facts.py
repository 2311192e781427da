"""The errors of unknown facts are collected for deliveries; their logs: test_policy_evaluation."""

from structlog.testing import capture_logs

from bot.access.unknown_facts import collect_unknown_facts, note_unknown_fact
from tests.access.builders import Passing, Silent


def test_errors_are_collected_by_the_innermost_block():
    silent, passing = Silent(), Passing()
    with capture_logs():
        note_unknown_fact("standing", Passing())
        with collect_unknown_facts() as outer:
            with collect_unknown_facts() as inner:
                note_unknown_fact("standing", silent)
                note_unknown_fact("standing", passing)
            assert inner == [silent, passing]
            assert outer == []
            note_unknown_fact("standing", passing)
            assert outer == [passing]
