"""The way to answer that Slack gives with a request: private, and good for half an hour."""

from collections.abc import Mapping
from typing import Any

import httpx

from bot.logs import get_logger
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

        ``timeout_seconds`` is for connecting and for each read and write.
        """
        if not self._api.trusts(response_url):
            log.error("response_url_of_a_stranger")
            return False
        body = {"response_type": "ephemeral", **message, "replace_original": replace_original}
        try:
            response = await self._http.post(
                response_url, json=body, timeout=timeout_seconds, follow_redirects=False
            )
        except httpx.HTTPError as error:
            log.info("response_url_refused", error=type(error).__name__)
            return False
        if not response.is_success:
            log.info("response_url_refused", status=response.status_code)
        return response.is_success
