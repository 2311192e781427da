"""A body of exactly the announced size; any other body is never complete for Slack."""

from collections.abc import AsyncIterator, Callable, Sequence

from bot.errors import CallAudioError

Watcher = Callable[[bytes], None]
"""Called with each piece of a recording as it is sent; its time adds to the transfer."""


class RecordingChanged(CallAudioError):
    """The body does not have the expected length: the recording is still being written."""

    code = "recording_changed"
    what = "The recording changed while it was being fetched."
    likely_cause = "The call has only just ended and PolyAI is still writing its audio."
    fix = "Try again in a few minutes."
    retryable = True


class ExactBody:
    """Yields a body piece by piece, one piece late, and fails unless it has exactly the size.

    Attributes:
        watchers: called with each piece as it is sent.
        seen_bytes: the number of bytes so far.
    """

    def __init__(self, prefix: bytes, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        self.watchers: Sequence[Watcher] = ()
        self.seen_bytes = len(prefix)
        self._held: bytes | None = prefix
        self._pieces = pieces
        self._size_bytes = size_bytes

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself, because it can be read only once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece.

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
