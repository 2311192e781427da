"""Secrets that are valid a limited number of times, for a limited time."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal


class PassError(Exception):
    """The secret is not valid: never issued, expired or used up."""

    def __init__(self, reason: Literal["unknown", "expired", "used"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class _Pass:
    about: Mapping[str, str]
    expires_at: float
    uses_left: int


class Passes:
    """Issues and redeems trigger ids, upload URLs, response URLs and socket tickets."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[tuple[str, str], _Pass] = {}

    def issue(self, kind: str, *, seconds: float, uses: int = 1, **about: str) -> str:
        """Issue a secret; redeeming it returns ``about``."""
        secret = secrets.token_hex(16)
        self._issued[kind, secret] = _Pass(about, self._clock() + seconds, uses)
        return secret

    def redeem(self, kind: str, secret: str) -> Mapping[str, str]:
        """Use the secret once.

        Raises:
            PassError: unknown, expired or used up.
        """
        issued = self._issued.get((kind, secret))
        if issued is None:
            raise PassError("unknown")
        if self._clock() > issued.expires_at:
            raise PassError("expired")
        if issued.uses_left < 1:
            raise PassError("used")
        self._issued[kind, secret] = replace(issued, uses_left=issued.uses_left - 1)
        return issued.about
