"""Builds the Bolt app with its listeners and its error handler."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.concurrency.in_flight import InFlight
from bot.slack.error_answers import ErrorAnswers
from bot.slack.workspaces import OwnWorkspace


class Registers(Protocol):
    """A group of listeners."""

    def register(self, app: AsyncApp) -> None:
        """Register them with Bolt."""
        ...


def build_app(
    *,
    client: AsyncWebClient,
    authorize: Callable[[], Awaitable[AuthorizeResult]],
    workspace: OwnWorkspace,
    listeners: Sequence[Registers],
    answers: ErrorAnswers,
    in_flight: InFlight,
) -> AsyncApp:
    """Build the app with its listeners.

    Listeners only store and ack, so they run before the response: by default Bolt polls for the ack
    every 10 ms, and loses an ack that is followed by an exception.
    """
    app = _App(
        in_flight,
        name="callaudio",  # otherwise Bolt reads the source of every caller on the stack
        client=client,
        authorize=lambda: authorize(),  # noqa: PLW0108 - Bolt takes the `self` of a method for an argument
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        # Bolt would log the bodies that it refuses, and fail on headers that are not numbers. The
        # signature is checked in bot.slack.signature; Socket Mode needs none.
        request_verification_enabled=False,
    )
    app.use(workspace.check)
    for each in listeners:
        each.register(app)
    app.error(answers.answer)
    return app


class _App(AsyncApp):
    """Counts each request while it is answered, over HTTP and Socket Mode."""

    def __init__(self, in_flight: InFlight, **options: Any) -> None:  # noqa: ANN401 - Bolt's own
        super().__init__(**options)
        self._in_flight = in_flight

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        """Answer one request."""
        with self._in_flight.request():
            return await super().async_dispatch(req)
