"""The bot's own identity in its workspace, read from Slack and cached for a while."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slack_bolt.authorization import AuthorizeResult

from bot.errors import CallAudioError
from bot.slack.web_api.api import SlackApi

STANDING_VALID_FOR: Final = timedelta(minutes=10)
ASKED_FOR_SECONDS: Final = 1.0
"""How long refreshing a known identity may take, out of the three seconds of an ack."""
ASKED_AGAIN_AFTER: Final = timedelta(seconds=30)
"""How long to wait after Slack did not answer before asking it again."""


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """The installation: workspace, organisation, and the bot's own ids."""

    team_id: str
    enterprise_id: str | None
    bot_id: str | None
    bot_user_id: str
    workspace_url: str | None = None
    """The address of the workspace, such as `https://acme.slack.com`."""


class Identity:
    """Answers from a cache; calls ``auth.test`` at most once in ``STANDING_VALID_FOR``.

    Bolt would call it before every listener, within the three seconds of an ack. While Slack does
    not answer, the cached identity remains valid, because the ids of a token do not change. A
    definite refusal, such as a revoked token, clears the cache.
    """

    def __init__(self, api: SlackApi, *, token: str, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._token = token
        self._clock = clock
        self._known: BotIdentity | None = None
        self._ask_at: datetime | None = None
        self._requests = asyncio.Lock()

    def rotate(self, token: str) -> None:
        """Use another token from now on, and read its identity again."""
        self._token = token
        self._api.rotate(token)
        self._known = None

    async def read(self) -> BotIdentity:
        """Return the bot's identity.

        Raises:
            CallAudioError: Slack does not accept the token, or has never answered.
        """
        async with self._requests:
            now = self._clock()
            waits = self._ask_at - now if self._ask_at else timedelta(0)
            # A longer one: the clock was set back.
            if self._known and timedelta(0) < waits <= STANDING_VALID_FOR:
                return self._known
            try:
                # With a known identity, no ack waits for the retries and time-outs of a call.
                async with asyncio.timeout(ASKED_FOR_SECONDS if self._known else None):
                    self._known = await self._ask(once=self._known is not None)
            except (CallAudioError, TimeoutError) as error:
                is_away = isinstance(error, TimeoutError) or error.retryable
                if not self._known or not is_away:
                    self._known = None
                    raise
                self._ask_at = now + ASKED_AGAIN_AFTER
            else:
                self._ask_at = now + STANDING_VALID_FOR
            return self._known

    async def _ask(self, *, once: bool) -> BotIdentity:
        ask = self._api.call_once if once else self._api.call_with_retries
        answer = await ask("auth.test")
        return BotIdentity(
            team_id=str(answer["team_id"]),
            enterprise_id=answer.get("enterprise_id"),
            bot_id=answer.get("bot_id"),
            bot_user_id=str(answer["user_id"]),
            workspace_url=_address(answer.get("url")),
        )

    async def team_id(self) -> str:
        """Return the workspace in which the bot is installed.

        Raises:
            CallAudioError: Slack does not accept the token, or has never answered.
        """
        return (await self.read()).team_id

    async def is_installed(self, team_id: str) -> bool:
        """Ask Slack, without the cache, whether the token works in this workspace.

        No answer counts as no, so that rights and digests end rather than continue.
        """
        try:
            answer = await self._api.call_once("auth.test")
        except CallAudioError:
            self._known = None
            return False
        return bool(answer["team_id"] == team_id)

    async def authorize(self) -> AuthorizeResult:
        """Return the installation of a request to Bolt."""
        bot = await self.read()
        return AuthorizeResult(
            enterprise_id=bot.enterprise_id,
            team_id=bot.team_id,
            bot_token=self._token,
            bot_id=bot.bot_id,
            bot_user_id=bot.bot_user_id,
        )


def _address(url: object) -> str | None:
    is_address = isinstance(url, str) and re.fullmatch(r"https://[a-z0-9.-]+/?", url)
    return str(url).rstrip("/") if is_address else None
