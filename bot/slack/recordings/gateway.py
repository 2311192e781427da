"""The port of a delivery to Slack, over the Web API (docs: chat.*, files.*, conversations.*)."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import httpx
from pydantic import SecretStr

from bot.errors import CallAudioError
from bot.observability.logs import get_logger, logged_call
from bot.recordings.deliveries.shares import FileShares
from bot.recordings.deliveries.slack_errors import ConversationUnseen, ShareUnclear
from bot.recordings.deliveries.slack_port import (
    Announcement,
    Delivered,
    NewFile,
    PrivateNote,
    Share,
    TakenBack,
    UploadTicket,
)
from bot.slack.blocks import Message
from bot.slack.recordings import cards, files
from bot.slack.recordings.private_notes import private_note
from bot.slack.recordings.upload_body import UploadBody
from bot.slack.web_api import messages
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import ScopeMissing, SlackUnclear, UploadRefused, UploadUrlRefused
from bot.slack.web_api.response_urls import answer_at

log = get_logger(__name__)

METADATA_TYPE: Final = "callaudio_delivery"
SHARE: Final = "files.completeUploadExternal"
UPLOAD_TIMEOUT: Final = httpx.Timeout(connect=10, read=120, write=60, pool=10)
NOTE_SECONDS: Final = 10
"""How long a command's response URL may take to show a note; no person waits for it."""


class SlackGateway:
    """Posts, uploads, shares and notifies; writes are never retried automatically."""

    def __init__(self, api: SlackApi, http: httpx.AsyncClient) -> None:
        self._api = api
        self._http = http

    async def open_dm(self, user_id: str) -> str:
        """Open the bot's direct messages with a person; returns the channel id."""
        return await messages.open_dm(self._api, user_id)

    async def join(self, channel_id: str) -> None:
        """Join a public conversation.

        Raises:
            ConversationUnseen: the app may not join by itself and has to be invited.
        """
        try:
            await self._api.call_with_retries("conversations.join", channel=channel_id)
        except ScopeMissing:
            raise ConversationUnseen(
                likely_cause="In this workspace I may not join channels by myself."
            ) from None

    async def announce(self, announcement: Announcement) -> str:
        """Post the card, marked with the delivery's id; returns its ts."""
        return await messages.post(
            self._api,
            announcement.channel_id,
            cards.on_its_way(announcement),
            thread_ts=announcement.thread_ts,
            metadata=_mark(announcement),
        )

    async def find_announcement(self, announcement: Announcement, since: datetime) -> str | None:
        """Find the card by its metadata; None also without the history scope."""
        mark = _mark(announcement)
        return await messages.find_own_message(
            self._api, announcement.channel_id, mark, since, announcement.thread_ts
        )

    async def show_progress(self, ts: str, announcement: Announcement, percent: int) -> None:
        """Show on the card how much has been fetched, in one try."""
        message = cards.progress(announcement, percent)
        await self._api.call_once("chat.update", channel=announcement.channel_id, ts=ts, **message)

    async def show_waiting(self, ts: str, announcement: Announcement, what: str) -> None:
        """Show on the card what the delivery waits for, in one try."""
        message = cards.waiting(announcement, what)
        await self._api.call_once("chat.update", channel=announcement.channel_id, ts=ts, **message)

    async def show_delivered(self, ts: str, delivered: Delivered) -> None:
        """Put the facts and the buttons on the card."""
        await self._update(ts, delivered.announcement, cards.delivered(delivered))

    async def show_taken_back(self, ts: str, taken_back: TakenBack) -> None:
        """Show it on the card, and remove the buttons that need the file."""
        await self._update(ts, taken_back.announcement, cards.taken_back(taken_back))

    async def _update(self, ts: str, announcement: Announcement, message: Message) -> None:
        channel_id = announcement.channel_id
        await self._api.call_with_retries("chat.update", channel=channel_id, ts=ts, **message)

    async def withdraw(self, channel_id: str, ts: str) -> None:
        """Delete a card."""
        await self._api.call_with_retries("chat.delete", channel=channel_id, ts=ts)

    async def start_upload(self, file: NewFile) -> UploadTicket:
        """Request an upload URL; an unused one has no effect.

        Without ``alt_txt``: Slack accepts files that have one and never shows them
        (python-slack-sdk#1575, #1818). A picture's title describes it instead.
        """
        answer = await self._api.call_with_retries(
            "files.getUploadURLExternal", filename=file.name, length=file.size_bytes
        )
        url = SecretStr(str(answer["upload_url"]))
        if not self._api.trusts(url.get_secret_value()):
            log.error("upload_url_refused")
            raise UploadUrlRefused
        return UploadTicket(file_id=str(answer["file_id"]), url=url)

    async def send(self, ticket: UploadTicket, file: NewFile, chunks: AsyncIterator[bytes]) -> None:
        """Stream exactly the announced bytes; afterwards nothing reads from ``chunks`` any more.

        Only HTTP 200 is success (docs: files.getUploadURLExternal). The body of the answer is
        undocumented; if it contains a number of bytes, that must be the announced one.

        Raises:
            UploadRefused: Slack did not accept them.
            CallAudioError: the source failed.
        """
        body = UploadBody(chunks)
        with logged_call(log, "slack_called", method="upload", status=None) as call_log:
            try:
                response = await self._http.post(
                    ticket.url.get_secret_value(),
                    content=body,
                    headers={
                        "Content-Length": str(file.size_bytes),
                        "Content-Type": "application/octet-stream",
                    },
                    timeout=UPLOAD_TIMEOUT,
                    follow_redirects=False,
                )
            except httpx.HTTPError:
                raise body.failure or UploadRefused from None
            finally:
                await body.take_back()
            call_log["status"] = response.status_code
        if body.failure:
            raise body.failure
        count = re.match(r"\s*OK\s*-\s*(\d+)", response.text[:100])
        if response.status_code != httpx.codes.OK or (count and int(count[1]) != file.size_bytes):
            raise UploadRefused

    async def await_share_turn(self) -> None:
        """Wait until Slack's limits allow one more share."""
        await self._api.await_turn(SHARE)

    async def share(self, share: Share) -> None:
        """Complete the upload into the thread, once, and its picture in the same call.

        Raises:
            ShareUnclear: it may have happened.
            UploadGone: Slack does not know the upload.
            CallAudioError: it did not happen.
        """
        uploads = [{"id": share.file_id, "title": share.title}]
        if share.picture:
            uploads.append({"id": share.picture.file_id, "title": share.picture.title})
        try:
            await self._api.call_once_in_turn(
                SHARE, files=uploads, channel_id=share.channel_id, thread_ts=share.thread_ts
            )
        except SlackUnclear:
            raise ShareUnclear from None

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        """Return the ts under which the file is visible in the conversation, or None."""
        return (await self.file_shares(file_id)).ts_in(channel_id)

    async def file_shares(self, file_id: str, shown_in: str | None = None) -> FileShares:
        """Return where a file of ours is shared; a deleted file is shared nowhere.

        ``shown_in``: where it may be visible unless provably gone.
        """
        answer = await files.call_about(self._api, "files.info", file_id, shown_in)
        return FileShares() if answer is None else files.shares_of(answer.get("file"))

    async def is_left_out(self, file_id: str, channel_id: str) -> bool:
        """Return whether Slack has processed the file and yet shows it in no conversation."""
        return await files.is_left_out(self._api, file_id, channel_id)

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        """Delete a file of ours; ``shown_in``: where it may be visible unless provably gone."""
        await files.call_about(self._api, "files.delete", file_id, shown_in)

    async def notify(self, note: PrivateNote) -> None:
        """Notify the requester where they asked or, if that is impossible, in a direct message.

        Raises:
            CallAudioError: neither is possible.
        """
        message = private_note(note)
        # A command's response URL also works where the bot is no member.
        url = note.response_url and note.response_url.get_secret_value()
        if url and await answer_at(
            self._api, self._http, url, message, timeout_seconds=NOTE_SECONDS
        ):
            return
        showing = self._api.call_once(
            "chat.postEphemeral", channel=note.channel_id, user=note.user_id, **message
        )
        try:
            await messages.notify_once(self._api, showing)
        except CallAudioError as error:
            log.info("ephemeral_refused", code=error.code, delivery_id=note.delivery_id)
            await messages.notify_in_dm(self._api, note.user_id, message)


def _mark(announcement: Announcement) -> dict[str, Any]:
    return messages.metadata(METADATA_TYPE, {"delivery_id": announcement.delivery_id})
