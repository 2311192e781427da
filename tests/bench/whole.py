"""Moves one recording with httpx and the SDK's `files_upload_v2`, which holds it in memory."""

import sys

import httpx
from slack_sdk import WebClient

from bot.cli.stage import PLAIN_KEY


def main(audio_url: str, slack_url: str, bot_token: str) -> None:
    """Fetch it whole, then upload it; it is shared nowhere."""
    answer = httpx.get(
        audio_url, headers={"x-api-key": PLAIN_KEY, "Accept": "audio/wav"}, timeout=60
    )
    answer.raise_for_status()
    client = WebClient(bot_token, base_url=slack_url, timeout=60)
    client.files_upload_v2(filename="call-redacted.wav", content=answer.content)


if __name__ == "__main__":
    main(*sys.argv[1:])
