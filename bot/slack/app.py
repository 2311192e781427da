"""Builds the Bolt app: listeners, and the one handler that turns errors into words."""

import json
import uuid
from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import CallAudioError
from bot.logs import get_logger, quiet_request_verification
from bot.metrics import Metrics
from bot.slack import replies
from bot.slack.listeners import Listeners

log = get_logger(__name__)


def build_app(
    *,
    client: AsyncWebClient,
    signing_secret: str,
    authorize: Callable[[], Awaitable[AuthorizeResult]],
    listeners: Listeners,
    metrics: Metrics,
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
    listeners.register(app)
    app.error(_error_handler(metrics))
    return app


def _without_arguments(
    authorize: Callable[[], Awaitable[AuthorizeResult]],
) -> Callable[[], Awaitable[AuthorizeResult]]:
    """Wrap a method as Bolt wants it: it looks for `self` among its own arguments."""

    async def call() -> AuthorizeResult:
        return await authorize()

    return call


def _error_handler(metrics: Metrics) -> Callable[..., Awaitable[BoltResponse]]:
    """Build the one place that speaks to people about errors.

    Known errors speak for themselves, others by reference; what nothing listens to is a 404.
    """

    async def answer(error: Exception) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            log.info("request_unhandled")
            return BoltResponse(status=404, body="")
        reference = uuid.uuid4().hex[:12]
        if isinstance(error, CallAudioError):
            log.info("request_refused", reference=reference, code=error.code)
            known = error
        else:
            log.error("request_broke", reference=reference, exc_info=error)
            known = CallAudioError()
        metrics.errors.labels(code=known.code).inc()
        body = {"response_type": "ephemeral", "text": replies.problem(known, reference)}
        return BoltResponse(
            status=200,
            body=json.dumps(body),
            headers={"content-type": ["application/json"]},
        )

    return answer
