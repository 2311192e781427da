"""A table of cases as one test: thousands of rows need no set-up and no report each."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any

from _pytest.mark import ParameterSet

Test = Callable[..., Any]


def each_row(
    names: str | tuple[str, ...],
    rows: Iterable[Any],
    ids: Iterable[str] | Callable[[Any], Any] | None = None,
) -> Callable[[Test], Test]:
    """Run a test for every row; takes what ``pytest.mark.parametrize`` takes, but no marks.

    All rows are run, even if some fail; a failure names its row. Only for tests whose fixtures do
    not change from one row to the next.
    """
    wanted = [each.strip() for each in names.split(",")] if isinstance(names, str) else [*names]
    table = [_values(row, len(wanted)) for row in rows]
    known = dict(enumerate(ids)) if ids is not None and not callable(ids) else {}
    assert table, "a table without rows tests nothing"

    def decorate(test: Test) -> Test:
        @wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            for row, values in _noting(table, known):
                with row:
                    test(*args, **fixtures, **dict(zip(wanted, values, strict=True)))

        @wraps(test)
        async def run_async(*args: Any, **fixtures: Any) -> None:
            for row, values in _noting(table, known):
                with row:
                    await test(*args, **fixtures, **dict(zip(wanted, values, strict=True)))

        signature = inspect.signature(test)
        left = [each for name, each in signature.parameters.items() if name not in wanted]
        runs = run_async if inspect.iscoroutinefunction(test) else run
        runs.__signature__ = signature.replace(parameters=left)
        del runs.__wrapped__  # pytest would read its parameters
        return runs

    return decorate


def _noting(
    table: list[tuple[Any, ...]], known: dict[int, str]
) -> Iterator[tuple[AbstractContextManager[None], tuple[Any, ...]]]:
    """Yield each row with a context that records its failure; fail at the end if any row failed."""
    failures = []

    @contextmanager
    def noted(number: int, values: tuple[Any, ...]) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the other rows are run all the same
            error.add_note(f"in row {known.get(number, number)}: {', '.join(map(repr, values))}")
            failures.append(error)

    for number, values in enumerate(table):
        yield noted(number, values), values
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(table)} rows", failures)


def _values(row: Any, count: int) -> tuple[Any, ...]:
    if isinstance(row, ParameterSet):
        assert not row.marks, "a row cannot be marked"
        return tuple(row.values)
    return tuple(row) if count > 1 else (row,)
