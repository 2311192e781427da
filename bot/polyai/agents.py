"""A configured PolyAI agent: its id, its hosts and its keys."""

import ipaddress
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.ids import is_safe_identifier

# Audio, single conversations and the v1 list are on the build host (PolyAI's documentation).
BUILD_HOSTS = MappingProxyType(
    {
        "us": "https://api.us.poly.ai",
        "uk": "https://api.uk.poly.ai",
        "eu": "https://api.eu.poly.ai",
        "studio": "https://api.studio.poly.ai",
    }
)

# The v3 list has its own hosts, except in the self-serve region.
PLATFORM_HOSTS = MappingProxyType(
    {
        "us": "https://api.us-1.platform.polyai.app",
        "uk": "https://api.uk-1.platform.polyai.app",
        "eu": "https://api.euw-1.platform.polyai.app",
        "studio": "https://api.studio.poly.ai",
    }
)


@dataclass(frozen=True, slots=True)
class Platform:
    """The account whose v3 list holds an agent's conversations.

    Attributes:
        base_url: of the platform host: https, or http on loopback only.
        api_key: sent to the platform host only.

    Raises:
        ValueError: a part is unusable; the key is not repeated in the message.
    """

    account_id: str
    base_url: str
    api_key: SecretStr

    def __post_init__(self) -> None:
        if not is_safe_identifier(self.account_id):
            raise ValueError("the account id must look like `ws-fd112d8f` or `acme-uk`")
        _check_base_url(self.base_url)
        _check_key(self.api_key)


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as configured; its keys never show in ``repr``.

    Attributes:
        name: what people type before the colon, as in ``sales:CA…``.
        agent_id: PolyAI's agent id, which is also the project id.
        region: ``us``, ``uk``, ``eu`` or ``studio``.
        base_url: https, or http on loopback only; a path in front of ``/v1`` is kept.
        api_key: the plain key, without PII access.
        pii_api_key: the raw key; without it raw is never delivered.
        platform: where the v3 list is read; None: the v1 list, with the plain key.

    Raises:
        ValueError: a part is unusable; keys are not repeated in the message.
    """

    name: str
    agent_id: str
    region: str
    base_url: str
    api_key: SecretStr
    pii_api_key: SecretStr | None
    platform: Platform | None = None

    def __post_init__(self) -> None:
        if self.region not in BUILD_HOSTS:
            raise ValueError(f"the region must be one of {', '.join(BUILD_HOSTS)}")
        if not is_safe_identifier(self.agent_id):
            raise ValueError("the agent id must look like `PROJECT-58RP822I` or `acme-team-4`")
        _check_base_url(self.base_url)
        _check_key(self.api_key)
        if self.pii_api_key is not None:
            _check_key(self.pii_api_key)


def _check_base_url(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("the PolyAI base URL cannot be read") from None
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the PolyAI base URL must be a plain https://host, with nothing after it")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("the PolyAI base URL must be https, or http on loopback")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_key(key: SecretStr) -> None:
    # Checked here because an HTTP library would repeat the key in its own complaint.
    text = key.get_secret_value().strip()
    if not text.isascii() or any(
        not character.isprintable() or character == " " for character in text
    ):
        raise ValueError("a PolyAI API key holds a character that no key has")
