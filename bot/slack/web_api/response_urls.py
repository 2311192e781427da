"""The way to answer that Slack gives with a request: private, and good for half an hour."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import httpx

from bot.errors import CallAudioError
from bot.logs import get_logger, logged_call
from bot.slack.web_api.api import SlackApi

log = get_logger(__name__)


class ResponseUrls:
    """Answers by response URL (docs: "Handling user interaction", five times in 30 minutes)."""

    def __init__(self, api: SlackApi, http: httpx.AsyncClient) -> None:
        self._api = api
        self._http = http

    async def answer(
        self,
        response_url: str,
        message: Mapping[str, Any],
        *,
        timeout_seconds: float,
        replace_original: bool = False,
    ) -> bool:
        """Show somebody a message that they alone see; gives whether Slack took it.

        Each time over a new connection, so one that breaks without an answer had taken the request.
        While Slack is there otherwise it has most likely shown the message, and a second one would
        be one too many. ``timeout_seconds`` is for connecting and for each read and write.
        """
        if not self._api.trusts(response_url):
            log.error("response_url_of_a_stranger")
            return False
        body = {"response_type": "ephemeral", **message, "replace_original": replace_original}
        with logged_call(log, "slack_called", method="response_url", status=None) as told:
            try:
                response = await self._http.post(
                    response_url,
                    json=body,
                    headers={"Connection": "close"},
                    timeout=timeout_seconds,
                    follow_redirects=False,
                )
            except httpx.HTTPError as error:
                told["error"] = type(error).__name__
                return _is_answer_lost(error) and await self._is_slack_there()
            told["status"] = response.status_code
        return response.is_success

    async def _is_slack_there(self) -> bool:
        try:
            await self._api.write("auth.test")
        except CallAudioError:
            return False
        return True


def _is_answer_lost(error: httpx.HTTPError) -> bool:
    """Tell whether the connection was made, and broke before the answer.

    httpx-aiohttp calls both time-outs of connecting; the cause tells them apart.
    """
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return False
    return isinstance(error.__cause__, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
