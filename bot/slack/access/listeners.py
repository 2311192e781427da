"""Requests for access: reads the payload, calls one use case, and renders."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.administration import Actor
from bot.access_requests.review import AccessRequestReview
from bot.access_requests.submit import AccessRequestSubmission, AccessWanted
from bot.slack.access import form
from bot.slack.ack_window import within_ack_window
from bot.slack.identifiers import Action, Input, ModalCallback
from bot.slack.payloads import actor_of, chosen, field_of, submission_id_of
from bot.slack.web_api.api import SlackApi


class AccessListeners:
    """The form of requesters, and the buttons of admins."""

    def __init__(
        self, submission: AccessRequestSubmission, review: AccessRequestReview, api: SlackApi
    ) -> None:
        self._submission = submission
        self._review = review
        self._api = api

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.action(Action.REQUEST_ACCESS.value)(self.open_form)
        app.view(ModalCallback.REQUEST_ACCESS.value)(self.submit_form)
        app.action(Action.APPROVE_ACCESS.value)(self.approve)
        app.action(Action.DENY_ACCESS.value)(self.deny)

    async def open_form(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Request access* and *Ask again*: opens the form, within Slack's three seconds."""
        opened = self._open_form(actor_of(body), str(action["value"]), str(body["trigger_id"]))
        await within_ack_window(opened)
        await ack()

    async def submit_form(
        self, ack: AsyncAck, body: Mapping[str, Any], view: Mapping[str, Any]
    ) -> None:
        """The submitted form: the request is stored before a notice replaces the form."""
        reason = str(field_of(view, Input.REASON).get("value") or "")
        hours = _hours(field_of(view, Input.HOURS))
        wanted = AccessWanted(
            delivery_id=str(view.get("private_metadata") or ""),
            reason=reason,
            hours=hours,
            submission_id=submission_id_of(view, reason, hours),
        )
        stored = await within_ack_window(self._submission.ask(actor_of(body), wanted))
        await ack(response_action="update", view=form.answer(stored))

    async def approve(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Approve*: a worker then updates the message."""
        await within_ack_window(self._review.approve(actor_of(body), str(action["value"])))
        await ack()

    async def deny(self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """*Deny*: a worker then updates the message."""
        await within_ack_window(self._review.deny(actor_of(body), str(action["value"])))
        await ack()

    async def _open_form(self, actor: Actor, delivery_id: str, trigger_id: str) -> None:
        offer = await self._submission.offer(actor, delivery_id)
        view = form.form(offer)
        await self._api.call_once("views.open", trigger_id=trigger_id, view=view)


def _hours(field: Mapping[str, Any]) -> int:
    """Read the chosen hours; 0, which is never offered, if there are none."""
    value = chosen(field)
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 6 else 0  # noqa: PLR2004 - more digits than any choice has
