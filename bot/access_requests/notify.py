"""Notifies admins of requests for access, and requesters of the outcome.

``due_work`` says when a request needs something; a step that fails is repeated later. A killed
worker or an outage of Slack delays a message, and at worst repeats it.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from bot.access.directory import Directory
from bot.access.rights import Rights
from bot.access_requests.request import REMIND_AFTER, AccessRequest, AccessState
from bot.access_requests.reviewers import Reviewers
from bot.access_requests.store import AccessRequests
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.store.due_work import Due

WARN_BEFORE: Final = timedelta(hours=1)
LEAST_WARNED_HOURS: Final = 2
"""For a shorter grant the warning would come right after the approval."""

T = TypeVar("T")
log = get_logger(__name__)


class NobodyReached(CallAudioError):
    """No admin could be notified; a retry follows."""

    code = "nobody_reached"
    what = "No admin could be reached."
    likely_cause = "Slack did not let me write to the channel or to anybody who holds `admin`."
    retryable = True


class AccessPort(Protocol):
    """The messages of a request; each method raises ``CallAudioError`` if Slack refuses."""

    async def open_dm(self, user_id: str) -> str:
        """Open the bot's direct messages with a person; returns the channel id."""
        ...

    async def ask(self, channel_id: str, request: AccessRequest, *, is_reminder: bool) -> str:
        """Post the request to admins; returns the message's ts."""
        ...

    async def show_outcome(self, channel_id: str, ts: str, request: AccessRequest) -> None:
        """Replace the request to admins by its outcome."""
        ...

    async def notify(self, request: AccessRequest) -> None:
        """Notify the requester privately of the outcome."""
        ...

    async def warn(self, request: AccessRequest, ends_at: datetime) -> None:
        """Notify the requester privately that the grant ends soon."""
        ...


class AccessRequestNotifier:
    """Runs the steps that are due for one request; each may run twice."""

    def __init__(
        self,
        *,
        requests: AccessRequests,
        rights: Rights,
        reviewers: Reviewers,
        directory: Directory,
        slack: AccessPort,
        again_after: timedelta,
    ) -> None:
        self._requests = requests
        self._rights = rights
        self._reviewers = reviewers
        self._directory = directory
        self._slack = slack
        self._again_after = again_after

    async def run(self, due: Due) -> datetime | None:
        """Run the due steps of one request; returns when it is due again, None if never."""
        request = await self._requests.read(due.key)
        try:
            return await self._attend(request)
        except CallAudioError as error:
            log.warning("access_delayed", request_id=request.id, code=error.code)
            return self._requests.clock() + self._again_after

    async def _attend(self, request: AccessRequest) -> datetime | None:
        now = self._requests.clock()
        if request.is_pending and now >= request.expires_at:
            request = await self._requests.expire(request)
        if request.is_pending:
            await self._put_to_admins(request, now)
            return (await self._requests.read(request.id)).due_at
        if not request.notified_at:
            await self._unless_refused(self._slack.notify(request), request)
            await self._requests.mark(request, notified_at=now)
        if not request.shown_at:
            for channel_id, ts in request.messages:
                shown = self._slack.show_outcome(channel_id, ts, request)
                await self._unless_refused(shown, request)
            await self._requests.mark_shown(request, now)
        return await self._warn(request, now)

    async def _put_to_admins(self, request: AccessRequest, now: datetime) -> None:
        if request.announced_at is None:
            await self._ask_admins(request, is_reminder=False)
            await self._requests.mark(request, announced_at=now)
        elif request.reminded_at is None and now >= request.requested_at + REMIND_AFTER:
            await self._ask_admins(request, is_reminder=True)
            await self._requests.mark(request, reminded_at=now)

    async def _ask_admins(self, request: AccessRequest, *, is_reminder: bool) -> None:
        """Post in the approvals channel; if it cannot be used, notify each admin privately.

        Raises:
            CallAudioError: an admin is not notified yet, or none could be.
        """
        channel_id = await self._usable_channel(request)
        if channel_id and await self._ask(channel_id, request, is_reminder=is_reminder):
            return
        is_asked, unavailable = False, None
        async for user_id in self._reviewers.people(request.team_id, request.user_id):
            try:
                dm = await self._unless_refused(self._slack.open_dm(user_id), request)
                if dm and await self._ask(dm, request, is_reminder=is_reminder):
                    is_asked = True
            except CallAudioError as error:  # the others are asked all the same
                unavailable = error
        if unavailable or not is_asked:
            raise unavailable or NobodyReached

    async def _usable_channel(self, request: AccessRequest) -> str | None:
        """Return the approvals channel, unless it is shared with another organisation."""
        channel_id = self._reviewers.channel_id
        if channel_id is None:
            return None
        found = await self._unless_refused(self._directory.conversation(channel_id), request)
        if found and found.is_external is False:
            return channel_id
        log.warning("approvals_channel_unusable", channel_id=channel_id, is_seen=found is not None)
        return None

    async def _ask(self, channel_id: str, request: AccessRequest, *, is_reminder: bool) -> bool:
        """Post in one conversation, unless an earlier run did; returns whether it is there."""
        there = sum(channel == channel_id for channel, _ in request.messages)
        if there >= (2 if is_reminder else 1):
            return True
        posted = self._slack.ask(channel_id, request, is_reminder=is_reminder)
        ts = await self._unless_refused(posted, request)
        if ts is None:
            return False
        await self._requests.add_message(request, channel_id, ts)
        return True

    async def _warn(self, request: AccessRequest, now: datetime) -> datetime | None:
        """Warn when the end is near; returns when to call this again, None if never."""
        is_worth_it = request.hours >= LEAST_WARNED_HOURS and not request.warned_at
        if request.state is not AccessState.APPROVED or not is_worth_it:
            return None
        ends_at = await self._requests.grant_end(request)
        if ends_at is None:
            return None
        if await self._rights.is_denied(request.team_id, request.user_id):
            return None  # a deny beats the grant
        if ends_at - now > WARN_BEFORE:
            return ends_at - WARN_BEFORE
        await self._unless_refused(self._slack.warn(request, ends_at), request)
        await self._requests.mark(request, warned_at=now)
        return None

    async def _unless_refused(self, call: Awaitable[T], request: AccessRequest) -> T | None:
        """Make a call that Slack may refuse permanently; that is logged, and None returned.

        Raises:
            CallAudioError: a retry may succeed.
        """
        try:
            return await call
        except CallAudioError as error:
            if error.retryable:
                raise
            log.warning("access_message_refused", request_id=request.id, code=error.code)
            return None
