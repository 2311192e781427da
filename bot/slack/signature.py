"""Verifies that a request comes from Slack: its signature and its age.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack/
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.slack.rejected_requests import RejectionCause

MAX_SKEW_SECONDS: Final = 300
TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")  # no later second has more digits


@dataclass(frozen=True, slots=True)
class Signed:
    """The signature headers of a request, not yet verified."""

    timestamp: str
    signature: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is rejected."""

    cause: RejectionCause
    facts: Mapping[str, int] = field(default_factory=dict)
    """`skew_seconds`: how far this machine's clock is ahead of the request's; negative: behind."""


def signed_by(headers: Mapping[str, str]) -> Signed | None:
    """Read the signature headers; None if one is missing or does not have Slack's format."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not (TIMESTAMP.fullmatch(timestamp) and signature and signature.isascii()):
        return None
    return Signed(timestamp, signature)


def rejection_of(
    signed: Signed, body: bytes, *, secrets: Collection[str], now: float
) -> Rejection | None:
    """Return why the request is not a current one of Slack's; None if a secret matches.

    The signature is checked first: an unsigned time says nothing about this machine's clock.
    """
    message = b"v0:" + signed.timestamp.encode() + b":" + body
    expected = (hmac.new(each.encode(), message, hashlib.sha256) for each in secrets)
    if not any(
        hmac.compare_digest(f"v0={each.hexdigest()}", signed.signature) for each in expected
    ):
        return Rejection(RejectionCause.SIGNATURE_WRONG)
    skew = round(now) - int(signed.timestamp)
    if abs(skew) > MAX_SKEW_SECONDS:
        return Rejection(RejectionCause.CLOCK_SKEWED, {"skew_seconds": skew})
    return None
