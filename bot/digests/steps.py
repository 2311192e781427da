"""One run of a digest: check the channel, post, record. It may run twice."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from bot.access.directory import Conversation, Directory
from bot.digests.digest import (
    WHY_PAUSED,
    Digest,
    DigestKind,
    PauseCause,
    Period,
    Run,
    RunKey,
    RunState,
)
from bot.digests.report import Report
from bot.digests.run_store import POST_UNCLEAR, RunStore
from bot.digests.slack_port import DigestPort, DigestPost
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.slack_errors import ConversationArchived, ConversationUnseen

log = get_logger(__name__)

# After one lost answer the digest is posted again unless it is found; after two it is not.
MAX_LOST_ANSWERS: Final = 1


class ChannelExternal(CallAudioError):
    """The channel is, or is about to be, shared with another organisation."""

    code = "digest_channel_external"
    what = "That channel is, or is about to be, shared with another organisation."
    fix = "Choose a channel of your own organisation."


class BotNotInvited(CallAudioError):
    """The bot is not in the channel."""

    code = "digest_not_invited"
    what = "I am not in that channel."
    likely_cause = "Nobody has invited me yet, or somebody took me out."
    fix = "Type `/invite @callaudio` there, and try again."


class ChannelUnclear(CallAudioError):
    """Slack did not say whether the channel is shared; unknown counts as shared for now."""

    code = "digest_channel_unclear"
    what = "Slack did not say whether that channel is shared with another organisation."
    likely_cause = "There is a problem at Slack, or I am not in that channel."
    fix = "Try again in a minute."
    retryable = True


class PostUnclear(CallAudioError):
    """Slack's answers were lost: the digest may be posted, so it is not posted again."""

    code = POST_UNCLEAR
    what = "Slack did not say whether the digest was posted."
    likely_cause = "There is a problem at Slack, or in the network."
    fix = "Check the channel; `/callaudio-admin digest run` with its id posts it again."


CAUSES: Final = MappingProxyType(
    {
        ConversationArchived.code: PauseCause.ARCHIVED,
        ConversationUnseen.code: PauseCause.UNSEEN,
        ChannelExternal.code: PauseCause.EXTERNAL,
        BotNotInvited.code: PauseCause.NOT_INVITED,
    }
)


def check_channel(channel: Conversation) -> None:
    """Check that a digest may be posted in the channel now.

    Raises:
        ConversationArchived, ChannelExternal, BotNotInvited: until somebody changes the channel.
        ChannelUnclear: Slack did not say whether it is shared.
    """
    if channel.is_archived:
        raise ConversationArchived
    if channel.is_external:
        raise ChannelExternal
    if channel.is_external is None:
        raise ChannelUnclear
    if not channel.bot_is_member:
        raise BotNotInvited


Reporter = Callable[[Digest, Period], Awaitable[Report]]
"""Builds the report of a period; raises ``CallAudioError`` if nothing could be read."""


class DigestSteps:
    """Posts one claimed slot in its channel."""

    def __init__(
        self,
        *,
        runs: RunStore,
        directory: Directory,
        reporters: Mapping[DigestKind, Reporter],
        slack: DigestPort,
    ) -> None:
        self._runs = runs
        self._directory = directory
        self._reporters = reporters
        self._slack = slack

    async def post(self, key: RunKey) -> None:
        """Post a claimed slot, unless an earlier try did, and store the ts of the post.

        Raises:
            PostUnclear: the answers to both posts were lost.
            CallAudioError: the channel cannot be used, there is no report, or Slack refuses.
        """
        run = await self._postable(key)
        if run is None:
            return
        if run.post_tried_at is not None:
            found = await self._slack.find(run.digest, run.slot.local, run.post_tried_at)
            if found:
                await self._runs.posted(run, found)
                return
            if run.lost_answers > MAX_LOST_ANSWERS:
                raise PostUnclear
        report = await self._reporters[run.digest.kind](run.digest, run.slot.period)
        # Building the report may have taken long: the digest may be paused, or its channel have
        # another id.
        run = await self._postable(key)
        if run is None:
            return
        missed = () if run.asked_by else await self._runs.missed_before(run)
        await self._runs.note_try(run)
        try:
            ts = await self._slack.post(DigestPost(run.digest, run.slot, report, missed))
        except CallAudioError as error:
            if error.may_be_done:
                await self._runs.note_lost_answer(run)
            else:
                await self._runs.forget_try(run)
            raise
        await self._runs.posted(run, ts)

    async def fail(self, key: RunKey, code: str) -> None:
        """End a run that cannot be posted; pause the digest if the channel is the cause."""
        run = await self._runs.read(key)
        if run is None:
            return
        cause = CAUSES.get(code)
        if cause:
            await self._runs.suspend(run, cause)
        else:
            await self._runs.fail(run, code)

    async def notify(self, key: RunKey) -> None:
        """Notify the owner, if it was this run that paused the digest."""
        run = await self._runs.read(key)
        if run is None or run.state is not RunState.SUSPENDED or not run.digest.paused_because:
            return
        try:
            await self._slack.notify_owner(run.digest, WHY_PAUSED[run.digest.paused_because])
        except CallAudioError as error:
            if error.retryable:
                raise
            log.warning("digest_owner_not_notified", digest_id=run.digest.id, code=error.code)

    async def _postable(self, key: RunKey) -> Run | None:
        """Return the run if there is something to post in its channel, which is checked."""
        run = await self._runs.read(key)
        if run is None or run.state is not RunState.CLAIMED:
            return None
        if run.digest.paused_because is not None and run.asked_by is None:
            await self._runs.skip(run, "paused")
            return None
        check_channel(await self._directory.conversation(run.digest.channel_id))
        return run
