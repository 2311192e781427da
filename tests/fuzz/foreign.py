"""JSON values built from bytes, so that a fuzzer that changes bytes also changes JSON."""

from collections.abc import Callable, Sequence
from typing import Any, Final

Json = Any

DEEPEST: Final = 8


def text_of(data: bytes) -> str:
    """Decode bytes as UTF-8; an invalid byte becomes a lone surrogate, which JSON may contain."""
    return data.decode(errors="surrogateescape")


def json_of(data: bytes, words: Sequence[str]) -> Json:
    """Build a JSON value: each byte chooses a kind, a length or one of ``words``.

    ``words`` are the names and values that the parser knows; other strings come from the bytes.
    """
    return _Reader(data, words).value(DEEPEST)


def object_of(data: bytes, words: Sequence[str]) -> dict[str, Json]:
    """Build a JSON object in the same way."""
    return _Reader(data, words).members(DEEPEST)


class _Reader:
    def __init__(self, data: bytes, words: Sequence[str]) -> None:
        self._data = data
        self._at = 0
        self._words = words
        self._kinds: tuple[Callable[[int], Json], ...] = (
            lambda _: None,
            lambda _: bool(self._byte() % 2),
            lambda _: self._byte() - 128,
            lambda _: int.from_bytes(self._take(9), "big", signed=True),
            lambda _: (float("nan"), float("inf"), -0.5, 1e300)[self._byte() % 4],
            lambda _: self._word(),
            lambda _: self._word(),
            lambda _: text_of(self._take(self._byte())),
            lambda deep: [self.value(deep - 1) for _ in range(self._byte() % 6)],
            self.members,
            self.members,
        )

    def value(self, deep: int) -> Json:
        if deep == 0 or self._at >= len(self._data):
            return None
        return self._kinds[self._byte() % len(self._kinds)](deep)

    def members(self, deep: int) -> dict[str, Json]:
        return {self._word(): self.value(deep - 1) for _ in range(self._byte() % 12)}

    def _word(self) -> str:
        return self._words[self._byte() % len(self._words)]

    def _byte(self) -> int:
        taken = self._take(1)
        return taken[0] if taken else 0

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
