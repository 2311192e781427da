"""Who may request and press: people of the workspace, requesters, and people in a destination.

Every refusal is audited in the bot's own workspace. Who may approve requests for access, or deny
them, is decided in ``access_requests/review.py``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from bot.access.administration import Actor
from bot.audit.events import AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record_refusal
from bot.errors import CallAudioError, UsageError
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class Requester:
    """An actor who requests a recording in a conversation, and the URL for private answers.

    A repeated ``trigger_id`` is the same request.
    """

    actor: Actor
    channel_id: str
    trigger_id: str
    response_url: SecretStr | None


class NotYours(UsageError):
    """The button belongs to another person's request."""

    code = "not_yours"
    what = "That button belongs to somebody else's request."
    likely_cause = "It is for the person who asked, or it is very old."
    fix = "Ask for the recording yourself with `/callaudio`."


class Outsider(UsageError):
    """A button was pressed by a person of another workspace, or from another conversation."""

    code = "outsider"
    what = "That button is for the people of the workspace and the conversation it was drawn in."
    likely_cause = "You belong to another organisation, or the conversation has changed since."
    fix = "Somebody of the workspace can ask for the recording with `/callaudio`."


class WorkspaceMembership:
    """Checks whether people belong to the bot's own workspace, and audits refusals."""

    def __init__(
        self,
        *,
        database: Database,
        home_team: Callable[[], Awaitable[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._home_team = home_team
        self._clock = clock

    async def require_member(self, actor: Actor, name: str, channel_id: str | None) -> None:
        """Refuse people of other workspaces; the audit names what they tried, ``name``.

        Raises:
            Outsider: the person belongs to another workspace.
        """
        if actor.team_id == await self._home_team():
            return
        payload = {"name": name, "code": Outsider.code, "channel_id": channel_id}
        await self.note(AuditTag.REQUEST_REFUSED, actor, payload)
        raise Outsider(
            what="callaudio is for the people of the workspace that it is installed in.",
            likely_cause="You belong to another workspace.",
        )

    async def note(
        self,
        tag: AuditTag,
        actor: Actor,
        payload: Mapping[str, PayloadValue],
        *,
        delivery_id: str | None = None,
    ) -> None:
        """Record the refusal of a person of any workspace."""
        home = await self._home_team()
        from_elsewhere = {} if actor.team_id == home else {"actor_team_id": actor.team_id}
        await record_refusal(
            self._database,
            AuditEvent(
                tag=tag,
                team_id=home,
                actor_id=actor.user_id,
                occurred_at=self._clock(),
                delivery_id=delivery_id,
                payload={**payload, **from_elsewhere},
            ),
        )


class ActionAuthorization:
    """Finds the delivery behind a button, for those who may press it."""

    def __init__(self, deliveries: DeliveryStore, membership: WorkspaceMembership) -> None:
        self._deliveries = deliveries
        self._membership = membership

    async def of_requester(self, requester: Requester, delivery_id: str, button: str) -> Delivery:
        """Find the delivery for its requester.

        Raises:
            NotYours: somebody else requested it, or there is no such delivery.
        """
        delivery, actor = await self._find(requester, delivery_id, button), requester.actor
        if (delivery.user_id, delivery.team_id) != (actor.user_id, actor.team_id):
            raise await self.refused(requester, delivery, button, NotYours())
        return delivery

    async def of_anybody_there(
        self, requester: Requester, delivery_id: str, button: str
    ) -> Delivery:
        """Find the delivery for a person of its workspace, in its destination.

        Raises:
            NotYours: there is no such delivery.
            Outsider: the person is of another workspace, or in another conversation.
        """
        delivery = await self._find(requester, delivery_id, button)
        asked_from = requester.channel_id, requester.actor.team_id
        if (delivery.channel_id, delivery.team_id) != asked_from:
            raise await self.refused(requester, delivery, button, Outsider())
        return delivery

    async def refused(
        self, requester: Requester, delivery: Delivery, button: str, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused press; returns the error to raise."""
        payload = {"button": button, "code": error.code, "actor_team_id": requester.actor.team_id}
        tag, actor_id = AuditTag.BUTTON_REFUSED, requester.actor.user_id
        await self._deliveries.note(delivery, tag, payload, actor_id=actor_id)
        return error

    async def _find(self, requester: Requester, delivery_id: str, button: str) -> Delivery:
        try:
            return await self._deliveries.read(delivery_id)
        except LookupError:
            # Pruned or forged; the id may be any text, so it is not stored.
            payload = {"button": button, "code": NotYours.code}
            await self._membership.note(AuditTag.BUTTON_REFUSED, requester.actor, payload)
            raise NotYours from None
