"""A configured PolyAI agent: its id, its hosts and its keys."""

from types import MappingProxyType
from typing import Final

import pydantic
from pydantic.dataclasses import dataclass

from bot.settings.value_types import Key, PolyAIName, Region, Url

# Audio, single conversations and the v1 list are on the build host (PolyAI's documentation).
BUILD_HOSTS: Final = MappingProxyType(
    {
        Region.US: "https://api.us.poly.ai",
        Region.UK: "https://api.uk.poly.ai",
        Region.EU: "https://api.eu.poly.ai",
        Region.STUDIO: "https://api.studio.poly.ai",
    }
)

# The v3 list has its own hosts, except in the self-serve region.
PLATFORM_HOSTS: Final = MappingProxyType(
    {
        Region.US: "https://api.us-1.platform.polyai.app",
        Region.UK: "https://api.uk-1.platform.polyai.app",
        Region.EU: "https://api.euw-1.platform.polyai.app",
        Region.STUDIO: "https://api.studio.poly.ai",
    }
)

# Checked by the rules of the settings: an HTTP library would repeat a wrong key in its complaint.
_CHECKED: Final = pydantic.ConfigDict(extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Platform:
    """The account whose v3 list holds an agent's conversations.

    Attributes:
        base_url: of the platform host: https, or http on loopback only.
        api_key: sent to the platform host only.

    Raises:
        ValueError: a part is unusable; the key is not repeated in the message.
    """

    account_id: PolyAIName
    base_url: Url
    api_key: Key


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Agent:
    """One agent as configured; its keys never show in ``repr``.

    Attributes:
        name: what people type before the colon, as in ``sales:CA…``.
        agent_id: PolyAI's agent id, which is also the project id.
        base_url: https, or http on loopback only; a path in front of ``/v1`` is kept.
        api_key: the plain key, without PII access.
        pii_api_key: the raw key; without it raw is never delivered.
        platform: where the v3 list is read; None: the v1 list, with the plain key.

    Raises:
        ValueError: a part is unusable; keys are not repeated in the message.
    """

    name: str
    agent_id: PolyAIName
    region: Region
    base_url: Url
    api_key: Key
    pii_api_key: Key | None
    platform: Platform | None = None
