"""Calls Slack's Web API: arguments in the body, errors translated."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import CallAudioError
from bot.network.connection_failures import why
from bot.network.outbound import Outbound, direct
from bot.network.retry import parse_retry_after, retrying
from bot.observability.logs import get_logger, logged_call
from bot.observability.metrics import Metrics
from bot.slack.web_api.errors import (
    SlackAnswerLost,
    SlackRateLimited,
    SlackUnclear,
    SlackUnreachable,
    error_of,
)
from bot.slack.web_api.hosts import is_trusted
from bot.slack.web_api.rate_limiter import RateLimiter

log = get_logger(__name__)

TIMEOUT_SECONDS: Final = 30
CONNECT_SECONDS: Final = 10
"""As for PolyAI. A call that made no connection had no effect, so it may be retried."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """The headers of ``auth.test``.

    Attributes:
        scopes: of the token (docs: ``x-oauth-scopes``).
        answered_at: by Slack's clock; None without that header.
    """

    scopes: frozenset[str]
    answered_at: datetime | None


class SlackApi:
    """Calls methods of the Web API."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        metrics: Metrics | None = None,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        self._client = client
        self._rate_limiter = rate_limiter or RateLimiter()
        self._sleep = sleep
        self._calls = (metrics or Metrics()).slack_calls

    def rotate(self, token: str) -> None:
        """Use another token from now on."""
        self._client.token = token

    def trusts(self, url: str) -> bool:
        """Return whether a URL from Slack's answer may receive recordings."""
        return is_trusted(url, self._client.base_url)

    async def call_with_retries(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - wire
        """Call a method that may be repeated, such as one that reads, updates or deletes.

        Raises:
            CallAudioError: after the last try.
        """
        return await retrying(lambda: self.call_once(method, **arguments), sleep=self._sleep)

    async def introduce(self) -> Introduction:
        """Call ``auth.test`` and return what its headers say about the token.

        Raises:
            CallAudioError: Slack does not accept the token, or does not answer.
        """
        headers = (await self._call("auth.test", {})).headers
        named = {str(name).lower(): str(value) for name, value in headers.items()}
        scopes = named.get("x-oauth-scopes", "").split(",")
        return Introduction(frozenset(map(str.strip, scopes)), _moment(named.get("date", "")))

    async def call_once(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - wire
        """Call a method once.

        Raises:
            SlackUnclear: it may have taken effect.
            SlackUnreachable, SlackRateLimited: it had no effect and may be retried.
            CallAudioError: Slack refused.
        """
        return _answer(await self._call(method, arguments))

    async def await_turn(self, method: str) -> None:
        """Wait until Slack's limits allow a call, which ``call_once_in_turn`` then makes.

        Raises:
            SlackRateLimited: it would take too long.
        """
        await self._rate_limiter.enter(method, {})

    async def call_once_in_turn(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - wire
        """Call a method once, like ``call_once``, but at once: its turn was awaited before.

        Raises:
            SlackRateLimited: Slack has put off all calls since; this one was not made.
            CallAudioError: as ``call_once``.
        """
        self._rate_limiter.refuse_held(method)
        return _answer(await self._send_counted(method, arguments))

    async def _call(self, method: str, arguments: Mapping[str, Any]) -> AsyncSlackResponse:
        await self._rate_limiter.enter(method, arguments)
        return await self._send_counted(method, arguments)

    async def _send_counted(self, method: str, arguments: Mapping[str, Any]) -> AsyncSlackResponse:
        try:
            return await self._counted(method, arguments)
        except SlackRateLimited as error:
            await self._rate_limiter.hold(method, arguments, error.retry_after_seconds or 0.0)
            raise

    async def _counted(self, method: str, arguments: Mapping[str, Any]) -> AsyncSlackResponse:
        with logged_call(log, "slack_called", method=method, result="broken_off") as logged:
            try:
                response = await self._send(method, arguments)
            except CallAudioError as error:
                logged["result"] = error.code
                raise
            else:
                logged["result"] = "ok"
            finally:
                self._calls.labels(method=method, result=logged["result"]).inc()
        return response

    async def _send(self, method: str, arguments: Mapping[str, Any]) -> AsyncSlackResponse:
        try:
            return await self._client.api_call(method, data=form_of(arguments))
        except SlackApiError as error:
            # The original contains the whole answer, so it must not become the cause.
            raise _translated(error, method) from None
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientHttpProxyError,
        ) as error:
            raise SlackUnreachable(likely_cause=why(error)) from None
        except (
            aiohttp.ClientError,
            TimeoutError,
            SlackRequestError,
            AttributeError,
            ValueError,
        ) as error:
            # The SDK raises the last two for a body that is text, a list, or not UTF-8.
            raise SlackAnswerLost(likely_cause=why(error)) from None


def _answer(response: AsyncSlackResponse) -> Mapping[str, Any]:
    if not isinstance(response.data, dict):
        raise SlackUnclear
    return response.data


def next_cursor(answer: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page; None for the last page (docs: "Pagination")."""
    about = answer.get("response_metadata")
    cursor = about.get("next_cursor") if isinstance(about, dict) else None
    return str(cursor) if cursor else None


def form_of(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Encode arguments as a form, nested ones as JSON; None is left out.

    Every method accepts a form, but methods that only read accept no JSON body (docs: "Using the
    Slack Web API").
    """
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in arguments.items()
        if value is not None
    }


def _translated(error: SlackApiError, method: str) -> Exception:
    # The SDK's own response; aiohttp's if the body is not JSON; or plain text.
    response: Any = error.response
    data = getattr(response, "data", None)
    slack_code = data.get("error") if isinstance(data, dict) else None
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    if slack_code is None and status < HTTPStatus.BAD_REQUEST:
        # Not an answer of Slack's, so something in between answered: it may have taken effect.
        return SlackUnclear()
    headers = getattr(response, "headers", None) or {}
    named = {str(name).lower(): str(value) for name, value in headers.items()}
    translated = error_of(
        str(slack_code or ""),
        status=status,
        retry_after_seconds=parse_retry_after(named.get("retry-after"), datetime.now(UTC)),
    )
    if translated.is_own_mistake:
        log.error("slack_call_invalid", method=method, slack_code=slack_code)
    return translated


def _moment(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return None


def build_session(
    timeout_seconds: float = TIMEOUT_SECONDS, outbound: Outbound | None = None
) -> aiohttp.ClientSession:
    """Build the client's session; the SDK's time-out applies only to sessions it opens itself."""
    return (outbound or direct()).session(
        timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
    )


def build_client(
    token: str | None, base_url: str | None, session: aiohttp.ClientSession
) -> AsyncWebClient:
    """Build the SDK's client without its own retries.

    slack_sdk's retry handlers repeat any POST after a connection error, so they would repeat posts.
    """
    return AsyncWebClient(
        token=token,
        base_url=base_url or AsyncWebClient.BASE_URL,
        session=session,
        retry_handlers=[],
        timeout=TIMEOUT_SECONDS,
        trust_env_in_session=False,
    )
