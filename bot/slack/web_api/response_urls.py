"""Answers at the response URL of a request: private, five times within 30 minutes.

Source: Slack's page "Handling user interaction".
"""

from collections.abc import Mapping
from typing import Any

import aiohttp
import httpx

from bot.observability.logs import get_logger, logged_call
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.messages import is_slack_there

log = get_logger(__name__)


async def answer_at(
    api: SlackApi,
    http: httpx.AsyncClient,
    response_url: str,
    message: Mapping[str, Any],
    *,
    timeout_seconds: float,
    replace_original: bool = False,
) -> bool:
    """Send a message that only one person sees; returns whether Slack accepted it.

    Each call uses a new connection, so if that fails after connecting, Slack had the request. If
    Slack is otherwise reachable, it has probably shown the message, and a second one would be a
    duplicate. A third of ``timeout_seconds`` is for connecting, the rest for the answer.
    """
    if not api.trusts(response_url):
        log.error("response_url_not_slacks")
        return False
    connecting, answering = timeout_seconds / 3, timeout_seconds * 2 / 3
    body = {"response_type": "ephemeral", **message, "replace_original": replace_original}
    with logged_call(log, "slack_called", method="response_url", status=None) as logged:
        try:
            response = await http.post(
                response_url,
                json=body,
                headers={"Connection": "close"},
                timeout=httpx.Timeout(answering, connect=connecting, pool=connecting),
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            logged["error"] = type(error).__name__
            return _is_answer_lost(error) and await is_slack_there(api)
        logged["status"] = response.status_code
    return response.is_success and not _is_refusal(response)


def _is_refusal(response: httpx.Response) -> bool:
    """Return whether the body says ``ok: false``, as Slack's other answers do with HTTP 200.

    The body of a success is undocumented: usually the word ``ok``.
    """
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("ok") is False


def _is_answer_lost(error: httpx.HTTPError) -> bool:
    """Return whether the connection was made, and failed before the answer arrived.

    httpx-aiohttp has the same error for a failure before that; the cause distinguishes them.
    """
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return False
    return isinstance(
        error.__cause__,
        aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.SocketTimeoutError,
    )
