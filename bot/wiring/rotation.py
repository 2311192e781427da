"""Takes over rotated secrets while the bot runs."""

from typing import Final

from bot.observability.logs import get_logger
from bot.recordings.redaction.canary_store import schedule_canary
from bot.recordings.references.agents import build_agents
from bot.settings.model import Settings
from bot.slack.socket_mode import SocketMode
from bot.slack.web import SlackRequests
from bot.wiring.core import Core

log = get_logger(__name__)

SLACK: Final = frozenset({"slack_bot_token", "slack_signing_secret", "slack_app_token"})
POLYAI: Final = frozenset(
    {"polyai_api_key", "polyai_pii_api_key", "polyai_agents", "polyai_platform_api_key"}
)


class Rotation:
    """Replaces secrets in place; running work continues with the new ones.

    Attributes:
        settings: the settings with the secrets in use.
    """

    def __init__(
        self,
        core: Core,
        slack_requests: SlackRequests | None,
        socket: SocketMode | None,
        *,
        works: bool,
    ) -> None:
        self._core = core
        self._slack_requests = slack_requests
        self._socket = socket
        self._works = works
        self.settings = core.settings

    async def take(self, fresh: Settings) -> None:
        """Use the secrets of ``fresh``; other changed settings take effect after a restart.

        The canary checks a new plain key at once, because it could return raw recordings.
        """
        changed = {name for name, value in self.settings if value != getattr(fresh, name)}
        taken = {name: getattr(fresh, name) for name in changed & (SLACK | POLYAI)}
        if self._socket is None:
            taken.pop("slack_app_token", None)  # Socket Mode is not switched on or off here
        self.settings = self.settings.model_copy(update=taken)
        self._use(self.settings)
        log.info("secrets_reloaded", changed=_names(taken))
        if waiting := changed - set(taken):
            log.warning("restart_needed", changed=_names(waiting))
        if taken.keys() & POLYAI and self._works and self.settings.callaudio_canary:
            await schedule_canary(self._core.database, self._core.clock())

    def _use(self, settings: Settings) -> None:
        self._core.identity.rotate(settings.slack_bot_token.get_secret_value())
        if self._slack_requests:
            self._slack_requests.rotate(settings.slack_signing_secret.get_secret_value())
        if self._socket and settings.slack_app_token:
            self._socket.rotate(settings.slack_app_token.get_secret_value())
        agents = build_agents(settings)
        for name in self._core.agents.keys() - agents.keys():
            del self._core.agents[name]
        self._core.agents.update(agents)


def _names(fields: set[str] | dict[str, object]) -> str:
    # As a list, two names would be masked, as a name and its value are.
    return ", ".join(sorted(name.upper() for name in fields))
