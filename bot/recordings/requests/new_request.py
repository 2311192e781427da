"""A requested recording, and its row, its audit event and its idempotency keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from bot.audit.events import AuditEvent, AuditTag
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import DeliveryKind, State
from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.fair_queue import TooManyWaiting, flow_of, requester_key
from bot.store.idempotency import hashed


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A requested recording; ``channel_id`` may be the requester's user id, for their DM."""

    requester: Requester
    source: str
    agent_name: str
    conversation_id: str
    direction: Direction
    asked_redacted: bool
    channel_id: str
    thread_ts: str | None = None
    kind: DeliveryKind = DeliveryKind.AUDIO


def row_of(delivery_id: str, request: NewRequest, now: datetime) -> dict[str, Any]:
    """Build the columns of a newly requested delivery."""
    return {
        "id": delivery_id,
        "team_id": request.requester.actor.team_id,
        "enterprise_id": request.requester.actor.enterprise_id,
        "user_id": request.requester.actor.user_id,
        "source": request.source,
        "agent_name": request.agent_name,
        "conversation_id": request.conversation_id,
        "kind": request.kind.value,
        "direction": request.direction.value,
        "asked_redacted": request.asked_redacted,
        "origin_channel_id": request.requester.channel_id,
        "asked_channel_id": request.channel_id,
        "asked_thread_ts": request.thread_ts,
        "response_url": _plain(request.requester.response_url),
        "requested_at": now,
        "state": State.REQUESTED.value,
    }


def request_event(delivery_id: str, request: NewRequest, now: datetime) -> AuditEvent:
    """Build the audit event of a request."""
    return AuditEvent(
        tag=AuditTag.DELIVERY_REQUESTED,
        team_id=request.requester.actor.team_id,
        actor_id=request.requester.actor.user_id,
        occurred_at=now,
        delivery_id=delivery_id,
        payload={
            "conversation_id": request.conversation_id,
            "agent": request.agent_name,
            "kind": request.kind.value,
            "direction": request.direction.value,
            "channel_id": request.channel_id,
            "asked_redacted": request.asked_redacted,
            "source": request.source,
        },
    )


def refusal_event(request: NewRequest, now: datetime) -> AuditEvent:
    """Build the audit event of a request above the requester's limit."""
    actor = request.requester.actor
    return AuditEvent(
        tag=AuditTag.REQUEST_REFUSED,
        team_id=actor.team_id,
        actor_id=actor.user_id,
        occurred_at=now,
        payload={
            "name": request.source,
            "code": TooManyWaiting.code,
            "conversation_id": request.conversation_id,
            "channel_id": request.channel_id,
        },
    )


def requester_of(request: NewRequest) -> str:
    """Return the key of the person in whose turn it is served."""
    actor = request.requester.actor
    return requester_key(actor.team_id, actor.user_id)


def flow_of_request(request: NewRequest) -> int:
    """Return the flow in whose turn it is served: its agent's in its workspace."""
    return flow_of(request.requester.actor.team_id, request.agent_name)


def delivery_id_of(request: NewRequest) -> str:
    """Return the delivery id of a trigger: a hash, always the same for the same trigger."""
    return "d" + hashed(request.requester.actor.team_id, request.requester.trigger_id)[:20]


def fingerprint_of(request: NewRequest) -> str:
    """Hash everything that makes two typed requests equal."""
    return hashed(
        request.requester.actor.team_id,
        request.requester.actor.user_id,
        request.requester.channel_id,
        request.channel_id,
        request.thread_ts or "",
        request.agent_name,
        request.conversation_id,
        request.kind.value,
        request.direction.value,
        str(request.asked_redacted),
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
