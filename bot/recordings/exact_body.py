"""A body of exactly the announced size, or one that Slack can never take for whole."""

from collections.abc import AsyncIterator, Callable, Sequence

from bot.errors import CallAudioError

Watcher = Callable[[bytes], None]
"""Sees each piece of a recording as it leaves; what it does is paid for by the transfer."""


class RecordingChanged(CallAudioError):
    """The body has not the expected length: the recording is still being written."""

    code = "recording_changed"
    what = "The recording changed while it was being fetched."
    likely_cause = "The call has only just ended and PolyAI is still writing its audio."
    fix = "Try again in a few minutes."
    retryable = True


class ExactBody:
    """Gives a body piece by piece, one piece late, and fails unless it has exactly the size.

    Attributes:
        watchers: see each piece as it leaves.
        seen_bytes: how many have come so far.
    """

    def __init__(self, prefix: bytes, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        self.watchers: Sequence[Watcher] = ()
        self.seen_bytes = len(prefix)
        self._held: bytes | None = prefix
        self._pieces = pieces
        self._size_bytes = size_bytes

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give itself: it can be read once."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next piece.

        Raises:
            RecordingChanged: the body has another size.
        """
        given = self._held
        if given is None:
            raise StopAsyncIteration
        self._held = await self._next()
        for watch in self.watchers:
            watch(given)
        return given

    async def _next(self) -> bytes | None:
        async for piece in self._pieces:
            self.seen_bytes += len(piece)
            if self.seen_bytes > self._size_bytes:
                raise RecordingChanged
            if piece:
                return piece
        if self.seen_bytes != self._size_bytes:
            raise RecordingChanged
        return None
