"""Whether a request is Slack's: its signature and its age.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack/
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bot.slack.rejected_requests import RejectionCause

MAX_SKEW_SECONDS: Final = 300
TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")  # no later second has more digits


@dataclass(frozen=True, slots=True)
class Signed:
    """What the headers of a request claim."""

    timestamp: str
    signature: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not let in."""

    cause: RejectionCause
    skew_seconds: int | None = None
    """How far this machine's clock is ahead of the request's; negative: behind it."""


def signed_by(headers: Mapping[str, str]) -> Signed | None:
    """Read what the headers claim; None where a header is missing or is not what Slack sends."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not (TIMESTAMP.fullmatch(timestamp) and signature and signature.isascii()):
        return None
    return Signed(timestamp, signature)


def rejection_of(
    signed: Signed, body: bytes, *, secrets: Collection[str], now: float
) -> Rejection | None:
    """Tell why the request cannot be Slack's of this moment; None where one of the secrets fits.

    The signature is judged first: a time that nobody signed tells nothing about this machine's
    clock.
    """
    message = b"v0:" + signed.timestamp.encode() + b":" + body
    expected = (hmac.new(each.encode(), message, hashlib.sha256) for each in secrets)
    if not any(
        hmac.compare_digest(f"v0={each.hexdigest()}", signed.signature) for each in expected
    ):
        return Rejection(RejectionCause.SIGNATURE_WRONG)
    skew = round(now) - int(signed.timestamp)
    if abs(skew) > MAX_SKEW_SECONDS:
        return Rejection(RejectionCause.CLOCK_SKEWED, skew)
    return None
