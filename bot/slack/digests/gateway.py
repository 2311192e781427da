"""Posts digests over the Web API (docs: chat.postMessage, files.*, conversations.history)."""

import asyncio
from datetime import datetime
from typing import Any, Final

from bot.digests.digest import Digest
from bot.digests.slack_port import DigestPost
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.slack_files import upload_bytes
from bot.recordings.deliveries.slack_port import NewFile, Share, SlackPort
from bot.slack.blocks import Message, section
from bot.slack.digests import cards, charts, words
from bot.slack.web_api import messages
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import BlocksRefused

log = get_logger(__name__)

METADATA_TYPE: Final = "callaudio_digest"
PICTURE_NAME: Final = "digest.png"


class SlackDigestGateway:
    """One message for each post; ``files`` are the three steps of an upload."""

    def __init__(self, api: SlackApi, files: SlackPort) -> None:
        self._api = api
        self._files = files

    async def post(self, post: DigestPost) -> str:
        """Post a digest, marked with its id and slot; returns the message's ts.

        If the workspace refuses charts and tables, nothing was posted; then the digest is posted
        in plain sections, with the charts as a picture in the thread. The message is complete
        without the picture, so a picture that fails is omitted: there is always one message.

        Raises:
            CallAudioError: Slack refused, or did not say whether it was posted.
        """
        try:
            return await self._post(post, cards.message(post))
        except BlocksRefused:
            log.info("digest_blocks_refused", digest_id=post.digest.id)
        ts = await self._post(post, cards.message(post, is_plain=True))
        await self._add_picture(post, ts)
        return ts

    async def find(self, digest: Digest, slot_local: str, since: datetime) -> str | None:
        """Find the post of a slot by its metadata; None also without the history scope."""
        mark = _mark(digest, slot_local)
        return await messages.find_own_message(self._api, digest.channel_id, mark, since)

    async def notify_owner(self, digest: Digest, why: str) -> None:
        """Notify the owner in a direct message that the digest is paused."""
        text = words.paused(digest, why)
        message = {"text": text, "blocks": [section(text)]}
        await messages.notify_in_dm(self._api, digest.owner_id, message)

    async def _post(self, post: DigestPost, message: Message) -> str:
        mark = _mark(post.digest, post.slot.local)
        return await messages.post(self._api, post.digest.channel_id, message, metadata=mark)

    async def _add_picture(self, post: DigestPost, thread_ts: str) -> None:
        drawn = charts.charts_of(post.report, post.slot.period)
        if not drawn:
            return
        from bot.slack.digests import picture  # noqa: PLC0415 - Pillow is loaded only to draw

        try:
            png = await asyncio.to_thread(picture.draw, drawn)
            file_id = await upload_bytes(self._files, NewFile(PICTURE_NAME, len(png)), png)
            channel_id = post.digest.channel_id
            await self._files.share(Share(file_id, "Charts", channel_id, thread_ts))
        except CallAudioError as error:
            log.warning("digest_picture_failed", digest_id=post.digest.id, code=error.code)
        except Exception:
            # The message is posted; raising now would post it again.
            log.exception("digest_picture_broke", digest_id=post.digest.id)


def _mark(digest: Digest, slot_local: str) -> dict[str, Any]:
    return messages.metadata(METADATA_TYPE, {"digest_id": digest.id, "slot": slot_local})
