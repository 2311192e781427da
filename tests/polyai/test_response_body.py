"""Closing a response: a failure there does not replace an earlier cause."""

import httpx
import pytest

from bot.polyai.errors import RecordingCutShort
from bot.polyai.response_body import close_answer


class Stubborn(httpx.AsyncByteStream):
    def __init__(self, failure: Exception) -> None:
        self.failure = failure
        self.tries = 0

    async def aclose(self) -> None:
        self.tries += 1
        raise self.failure


@pytest.mark.parametrize("failure", [httpx.ReadError("x"), RuntimeError("x"), OSError("x")])
async def test_a_failed_close_does_not_replace_the_cause(failure):
    stream = Stubborn(failure)

    async def read() -> None:
        try:
            raise RecordingCutShort
        finally:
            await close_answer(httpx.Response(200, stream=stream))

    with pytest.raises(RecordingCutShort):
        await read()
    assert stream.tries == 1
