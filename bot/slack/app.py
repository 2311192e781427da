"""Builds the Bolt app: its listeners, and the one handler of their errors."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.logs import quiet_request_verification
from bot.slack.error_answers import ErrorAnswers


class Registers(Protocol):
    """Some listeners of one kind."""

    def register(self, app: AsyncApp) -> None:
        """Hand them to Bolt."""
        ...


def build_app(
    *,
    client: AsyncWebClient,
    signing_secret: str,
    authorize: Callable[[], Awaitable[AuthorizeResult]],
    listeners: Sequence[Registers],
    answers: ErrorAnswers,
) -> AsyncApp:
    """Build the app with its listeners.

    The listener stores and acks, nothing else, so it runs before the response: by default Bolt
    polls for the ack every 10 ms and loses one that an exception follows.
    """
    app = AsyncApp(
        client=client,
        signing_secret=signing_secret,
        authorize=_without_arguments(authorize),
        process_before_response=True,
        raise_error_for_unhandled_request=True,
    )
    # Bolt logs the body of each request with a bad signature, and sets the level as it is built.
    quiet_request_verification()
    for each in listeners:
        each.register(app)
    app.error(answers.answer)
    return app


def _without_arguments(
    authorize: Callable[[], Awaitable[AuthorizeResult]],
) -> Callable[[], Awaitable[AuthorizeResult]]:
    """Wrap a method as Bolt wants it: it looks for `self` among its own arguments."""

    async def call() -> AuthorizeResult:
        return await authorize()

    return call
