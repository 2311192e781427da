"""The body of an upload while an HTTP transport reads it."""

import asyncio
from collections.abc import AsyncIterator


class UploadBody:
    """Lends an iterator of bytes to a transport, and takes it back after the request.

    aiohttp reads a request's body in its own task. When the server closes the connection, that task
    may still wait for the next piece, and closing an iterator that is being read raises
    RuntimeError, which would hide why the request failed.

    Attributes:
        failure: the iterator's error, which the transport reports as an error of its own.
    """

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._reader: asyncio.Task[object] | None = None
        self.failure: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself, because it can be read only once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        self._reader = asyncio.current_task()
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._reader = None

    async def take_back(self) -> None:
        """Stop a reader that still waits for a piece, so that the iterator can be closed."""
        reader = self._reader
        if reader is not None and reader is not asyncio.current_task():
            reader.cancel()
            await asyncio.wait({reader})
