"""Paging continues while there is progress, and raises if there is none."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import CallAudioError
from bot.network.paging import MAX_STANDSTILL_PAGES, Pages, PagingStuck


@dataclass
class Server:
    """Returns its pages in turn, the last one repeatedly; a page is its rows and a cursor."""

    pages: Sequence[tuple[tuple[str, ...], str | None]]
    asked: list[str | None] = field(default_factory=list)

    async def fetch(self, cursor: str | None) -> tuple[tuple[str, ...], str | None]:
        self.asked.append(cursor)
        return self.pages[min(len(self.asked), len(self.pages)) - 1]


def paging(fetch, max_pages=1000):
    return Pages(
        fetch, following=lambda page: page[1], shows=lambda page: page[0], max_pages=max_pages
    )


async def rows(pages):
    return [row async for page in pages for row in page[0]]


EMPTY_FOR_EVER = [((), f"c{n}") for n in range(5000)]


async def test_every_row_is_returned_once_by_passing_the_cursors():
    server = Server([(("a", "b"), "one"), ((), "two"), (("c",), None)])

    assert await rows(paging(server.fetch)) == ["a", "b", "c"]
    assert server.asked == [None, "one", "two"]


@pytest.mark.parametrize(
    ("pages", "asked_at_most"),
    [
        pytest.param([(("a",), "same")], 2, id="the cursor repeats at once"),
        pytest.param(
            [(("a",), "one"), (("b",), "two"), (("c",), "one")], 3, id="the cursors form a circle"
        ),
        pytest.param(EMPTY_FOR_EVER, MAX_STANDSTILL_PAGES, id="new cursors and never a row"),
        pytest.param(
            [(("a",), f"c{n}") for n in range(5000)],
            MAX_STANDSTILL_PAGES + 1,
            id="new cursors and always the same rows",
        ),
        pytest.param([((f"r{n}",), f"c{n}") for n in range(5000)], 1000, id="no end in sight"),
    ],
)
async def test_a_list_without_progress_raises(pages, asked_at_most):
    server = Server(pages)

    with pytest.raises(PagingStuck):
        await rows(paging(server.fetch))

    assert len(server.asked) <= asked_at_most


async def test_a_list_at_the_page_limit_is_read_completely():
    server = Server([(("a",), "one"), (("b",), "two"), (("c",), None)])

    assert await rows(paging(server.fetch, max_pages=3)) == ["a", "b", "c"]


async def test_a_page_that_failed_is_never_taken_for_the_end():
    server = Server([(("a",), "one"), (("b",), None)])
    failures = iter([False, True, False])

    async def fetch(cursor):
        if next(failures):
            raise CallAudioError
        return await server.fetch(cursor)

    pages = paging(fetch)
    assert (await anext(pages))[0] == ("a",)
    with pytest.raises(CallAudioError):
        await anext(pages)
    assert await rows(pages) == ["b"]
    assert server.asked == [None, "one"]


async def test_after_an_error_every_further_call_raises_again():
    pages = paging(Server([(("a",), "same")]).fetch)
    with pytest.raises(PagingStuck):
        await rows(pages)
    with pytest.raises(PagingStuck):
        await anext(pages)


cursors = st.none() | st.sampled_from(["", "a", "b", "c"]).map(lambda text: text or None)


@given(st.lists(st.tuples(st.lists(st.sampled_from("xyz")).map(tuple), cursors), min_size=1))
async def test_reading_ends_for_any_pages(pages):
    server = Server(pages)
    with suppress(PagingStuck):
        await rows(paging(server.fetch))
    assert len(server.asked) <= 4, "three cursors and the first page"
