"""Every row of a table is run, and those that fail are named."""

import asyncio

import pytest

from tests.tables import each_row


def test_every_row_is_run_and_the_one_that_fails_is_named():
    seen = []

    @each_row(("number", "word"), [(1, "a"), (2, "b"), (3, "c")], ids=["one", "two", "three"])
    def check(number, word):
        seen.append(word)
        assert number != 2

    with pytest.raises(AssertionError) as failed:
        check()
    assert seen == ["a", "b", "c"]
    assert failed.value.__notes__ == ["in row two: 2, 'b'"]


async def test_rows_that_wait_are_run_one_after_the_other_with_the_fixtures_of_the_test():
    seen = []

    @each_row("number", [1, 2, 3])
    async def check(fixture, number):
        await asyncio.sleep(0)
        fixture.append(number)
        assert number != 2

    with pytest.raises(AssertionError) as failed:
        await check(seen)
    assert seen == [1, 2, 3]
    assert failed.value.__notes__ == ["in row 1: 2"]


def test_all_failing_rows_are_reported():
    @each_row("number", [pytest.param(1), 2, 3])
    def check(number):
        assert number == 2

    with pytest.raises(ExceptionGroup, match="2 of 3 rows") as failed:
        check()
    assert [each.__notes__ for each in failed.value.exceptions] == [
        ["in row 0: 1"],
        ["in row 2: 3"],
    ]


def test_two_tables_on_one_test_run_every_pair():
    seen = []

    @each_row("first", "ab")
    @each_row("second", "xy")
    def check(first, second):
        seen.append(first + second)

    check()
    assert seen == ["ax", "ay", "bx", "by"]


def test_a_table_without_rows_is_a_mistake():
    with pytest.raises(AssertionError, match="without rows"):
        each_row("number", [])
