"""Ends the rights and scheduled work of a workspace that removed the app or revoked its token."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import revoke_all
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.digests.digest_store import DigestStore
from bot.observability.logs import get_logger
from bot.recordings.deliveries.deletable_files import record_out_of_reach
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.store.database import Database
from bot.store.idempotency import AlreadyDone, claim_once

log = get_logger(__name__)


class Uninstallation:
    """Ends the bot's work for a workspace."""

    def __init__(
        self,
        *,
        database: Database,
        digests: DigestStore,
        early_checks: EarlyFileChecks,
        is_installed: Callable[[str], Awaitable[bool]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._digests = digests
        self._early_checks = early_checks
        self._is_installed = is_installed
        self._clock = clock

    async def end(self, team_id: str) -> None:
        """End every grant, pause every digest, and record the raw files that stay in Slack.

        Those files stay due for deletion and are deleted if the app is installed again. Slack may
        send the event twice; the second one changes nothing. An event that arrives after the app
        was installed again ends nothing.
        """
        if await self._is_installed(team_id):
            log.info("event_of_earlier_installation", team_id=team_id)
            return
        await self._end_rights(team_id)
        await self._digests.pause_all(team_id)
        await self._early_checks.check_now(team_id)

    async def _end_rights(self, team_id: str) -> None:
        now = self._clock()
        async with self._database.write() as session:
            is_repeated = await _is_repeated(session, team_id, now)
            grants = await revoke_all(session, team_id, by=SYSTEM_ACTOR, now=now)
            if is_repeated and not grants:
                return
            files = await record_out_of_reach(session, team_id, now)
            await record(
                session,
                AuditEvent(
                    tag=AuditTag.APP_REMOVED,
                    team_id=team_id,
                    actor_id=SYSTEM_ACTOR,
                    occurred_at=now,
                    payload={"grants_ended": grants, "raw_files_out_of_reach": files},
                ),
            )
        log.error("app_removed", team_id=team_id, raw_files_out_of_reach=files)


async def _is_repeated(session: AsyncSession, team_id: str, now: datetime) -> bool:
    """Return whether the removal was recorded minutes ago; a concurrent event is waited for."""
    try:
        await claim_once(session, team_id, AuditTag.APP_REMOVED.value, now)
    except AlreadyDone:
        return True
    return False
