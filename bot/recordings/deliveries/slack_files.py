"""Uploads and deletes files through the port to Slack."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from bot.errors import CallAudioError
from bot.recordings.deliveries.slack_port import NewFile, SlackPort

PIECE_BYTES: Final = 64 * 1024


async def upload_bytes(slack: SlackPort, file: NewFile, content: bytes) -> str:
    """Upload bytes from memory; returns the id of a file that is not visible yet.

    Raises:
        CallAudioError: Slack did not accept it.
    """
    ticket = await slack.start_upload(file)
    await slack.send(ticket, file, pieces_of(content))
    return ticket.file_id


async def pieces_of(content: bytes) -> AsyncIterator[bytes]:
    """Yield the bytes in pieces."""
    for at in range(0, len(content), PIECE_BYTES):
        yield content[at : at + PIECE_BYTES]


async def delete_files(
    slack: SlackPort, file_ids: Iterable[str], shown_in: str | None = None
) -> None:
    """Delete each of the files, even if another one cannot be deleted.

    ``shown_in``: the conversation in which they may be visible, if they must provably be gone.

    Raises:
        CallAudioError: at least one was not deleted.
    """
    failure: CallAudioError | None = None
    for file_id in file_ids:
        try:
            await slack.delete_file(file_id, shown_in)
        except CallAudioError as error:
            failure = error
    if failure:
        raise failure
