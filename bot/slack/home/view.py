"""The view of App Home: the person's rights and deliveries, and the admins' part."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bot.access.grants import Grant, Right
from bot.access.policy import Outcome, Reason
from bot.access_requests.request import AccessRequest
from bot.digests.digest_administration import ListedDigest
from bot.home.reading import MOST_ENDING, AdminPart, Home
from bot.recordings.deliveries.delivery import State
from bot.recordings.deliveries.past_deliveries import PastDelivery
from bot.settings.choices import AudienceRule
from bot.slack import wording
from bot.slack.access import rights_wording
from bot.slack.blocks import Block, View, actions, button, context, plain, quotation, section
from bot.slack.digest_admin.form import add_button
from bot.slack.digest_admin.replies import line
from bot.slack.finder.view import open_button as open_finder
from bot.slack.identifiers import Action

MOST_PENDING: Final = 10
MOST_DIGESTS: Final = 10

HOW: Final = (
    "Choose *Get call audio* from the menu of a message that names a call, or type "
    "`/callaudio &lt;conversation&gt;`: I post its recording in a thread. "
    "`/callaudio help` shows more."
)
NOT_FOR_YOU: Final = (
    "callaudio is for members of this workspace and for guests with a grant of their own. "
    "If you are one, ask an admin of callaudio for it, or open this again in a minute."
)
RULES: Final = MappingProxyType(
    {
        AudienceRule.CLEARED: "Recordings are unredacted only where every listener is cleared.",
        AudienceRule.REQUESTER: (
            "Recordings are unredacted where the requester is cleared; others do not count."
        ),
    }
)
STATES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.REQUESTED: "on its way",
        State.DECIDED: "on its way",
        State.ANNOUNCED: "on its way",
        State.UPLOADED: "on its way",
        State.SHARED: "on its way",
        State.DELIVERED: "delivered",
        State.REFUSED: "refused",
        State.FAILED: "failed",
        State.UNCONFIRMED: "posted, not visible yet",
    }
)


def home(read: Home, workspace_url: str | None) -> View:
    """Build a person's Home; without ``workspace_url`` the deliveries have no links."""
    if not read.watched.person.may_use:
        return {"type": "home", "blocks": [section(NOT_FOR_YOU)]}
    blocks = [
        *(_pending(read) if read.admin else ()),
        *_clearance(read),
        *(_first_steps(read) if not read.deliveries else ()),
        section(HOW),
        actions(open_finder()),
        *(_deliveries(read.deliveries, workspace_url) if read.deliveries else ()),
        *(_admin_part(read.admin, read.watched.pending) if read.admin else ()),
    ]
    return {"type": "home", "blocks": blocks}


def _heading(text: str) -> Block:
    return {"type": "header", "text": plain(text)}


def _clearance(read: Home) -> list[Block]:
    person, asked = read.watched.person, read.watched.own
    lines = [rights_wording.clearance(person), rights_wording.administration(person)]
    if asked:
        lines.append(_asked(asked))
    text = "\n".join(line for line in lines if line)
    return [_heading("What you may hear"), section(text), context(RULES[read.audience_rule])]


def _asked(request: AccessRequest) -> str:
    return (
        f"You requested to hear unredacted recordings for *{wording.hours(request.hours)}* · "
        f"{wording.moment(request.requested_at)}. It waits for an admin until "
        f"{wording.moment(request.expires_at)}, and then expires."
    )


def _first_steps(read: Home) -> list[Block]:
    """List what is missing until a person hears the first recording, and who can do it."""
    steps = [
        "Invite me to the channel where the recording shall be posted: `/invite @callaudio`.",
        "Press *Find a call*, or type `/callaudio` and the id or the link of a conversation.",
    ]
    if Right.PII not in read.watched.person.held:
        steps.append(
            "You get it redacted. To hear it unredacted, press *Request access* on its card; "
            "an admin of callaudio decides."
        )
    if read.admin:
        steps.append(
            "Nobody can give `pii` to themselves, so name a second admin: "
            "`/callaudio-admin grant @person admin`. They then approve your own request."
        )
    lines = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    return [_heading("Your first recording"), section("\n".join(lines))]


def _deliveries(past: tuple[PastDelivery, ...], workspace_url: str | None) -> list[Block]:
    lines = [section(_line(each, workspace_url)) for each in past]
    return [_heading("Your recordings"), *lines]


def _line(past: PastDelivery, workspace_url: str | None) -> str:
    went = past.state in (State.DELIVERED, State.UNCONFIRMED)
    names = {Outcome.RAW.value: "*unredacted*", Outcome.REDACTED.value: "*redacted*"}
    variant = names.get(past.outcome or "", "") if went else ""
    state = "no longer in Slack" if past.is_taken_back else STATES[past.state]
    if past.state is State.FAILED and past.error_code:
        state += f" ({wording.code(past.error_code)})"
    address = _address(past, workspace_url) if went else None
    parts = [
        wording.moment(past.requested_at),
        wording.length(past.length_seconds) if went else wording.code(past.conversation_id),
        variant,
        state,
        f"<{address}|Open in Slack>" if address else None,
        f"reference {wording.code(past.id)}",
        _failed_note(past) if past.notify_failed else None,
    ]
    return " · ".join(part for part in parts if part)


def _failed_note(past: PastDelivery) -> str | None:
    """Return the private note that Slack did not accept when the delivery ended."""
    if past.problem:
        return wording.escape(past.problem)
    return wording.WHY_REFUSED.get(Reason(past.reason)) if past.reason else None


def _address(past: PastDelivery, workspace_url: str | None) -> str | None:
    """Build the permalink of a delivery.

    `chat.getPermalink` returns the same, with one call per line (docs: "chat.getPermalink").
    """
    if workspace_url is None or past.parent_ts is None:
        return None
    channel = f"{workspace_url}/archives/{past.channel_id}"
    if past.share_ts and not past.is_taken_back:
        place = f"thread_ts={past.parent_ts}&amp;cid={past.channel_id}"
        return f"{channel}/p{past.share_ts.replace('.', '')}?{place}"
    return f"{channel}/p{past.parent_ts.replace('.', '')}"


def _admin_part(part: AdminPart, pending: tuple[AccessRequest, ...]) -> list[Block]:
    return [
        *(() if pending else (context("No request for access is waiting."),)),
        _heading("Grants that end within a week"),
        *_ending(part.ending, part.more_ending),
        _heading("Digests"),
        *_digests(part.digests),
    ]


def _digests(digests: tuple[ListedDigest, ...]) -> list[Block]:
    lines = [context(line(each)) for each in digests[:MOST_DIGESTS]]
    if not lines:
        lines = [context("None is scheduled.")]
    if len(digests) > MOST_DIGESTS:
        lines.append(context(f"… and {len(digests) - MOST_DIGESTS} more."))
    return [*lines, actions(add_button())]


def _pending(read: Home) -> list[Block]:
    """List the requests that admins can decide; nothing where none is waiting."""
    pending = read.watched.pending
    if not pending:
        return []
    blocks = [_heading("Waiting for an admin")]
    for request in pending[:MOST_PENDING]:
        # The requester's words stay plain text, so that they contain no mention and no link.
        blocks += [section(_request(request)), quotation(request.reason)]
        if request.user_id == read.user_id:
            blocks.append(context("Nobody can decide on their own request."))
        else:
            blocks.append(
                actions(
                    button(Action.APPROVE_ACCESS, "Approve", request.id, style="primary"),
                    button(Action.DENY_ACCESS, "Deny", request.id, style="danger"),
                )
            )
    if len(pending) > MOST_PENDING:
        blocks.append(context(f"… and {len(pending) - MOST_PENDING} more."))
    return blocks


def _request(request: AccessRequest) -> str:
    return (
        f"<@{request.user_id}> asks to hear unredacted recordings for "
        f"*{wording.hours(request.hours)}* · {wording.moment(request.requested_at)}"
    )


def _ending(grants: tuple[Grant, ...], more: int) -> list[Block]:
    if not grants:
        return [context("None.")]
    # One block each, because the name of an operator's account may have any length.
    lines = [
        context(
            f"• {wording.code(grant.right)} for {rights_wording.subject(grant)}, "
            f"{rights_wording.end(grant.expires_at)}, "
            f"granted by {rights_wording.giver(grant.given_by)}"
        )
        for grant in grants[:MOST_ENDING]
    ]
    rest = more + max(0, len(grants) - MOST_ENDING)
    if rest:
        lines.append(context(f"… and {rest} more: `/callaudio-admin list`"))
    return lines
