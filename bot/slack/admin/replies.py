"""The private answers to `/callaudio-admin`."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bot.access.grant_pages import GrantPage
from bot.access.grants import Effect, Grant, Right, SubjectKind
from bot.access.person import Person
from bot.access.policy import Audience, RightHeld, Standing
from bot.recordings.lookups.decision_explainer import Explanation
from bot.recordings.redaction.canary_store import CanaryFinding, CanaryState
from bot.recordings.redaction.check_store import Check
from bot.slack.access.rights_wording import end, giver, subject
from bot.slack.admin.commands import EXAMPLES, FORMS
from bot.slack.admin.verdicts import verdict
from bot.slack.wording import SIDES, code, escape, moment

MAX_LISTED: Final = 30

HELP: Final = f"""*Rights of callaudio*
For example: `{EXAMPLES[Effect.GRANT]}`
`{FORMS["grant"]}` grants a right
`{FORMS["deny"]}` denies a right; a deny beats every grant
`{FORMS["revoke"]}` ends grants and denies
`{FORMS["list"]}` lists all grants and denies in force
`{FORMS["who"]}` shows the rights of a person, and why
`{FORMS["explain"]}` shows what a person would get in a channel, and why
`{FORMS["thaw"]}` resumes deliveries of redacted recordings after a freeze
`{FORMS["check"]}` checks that the redacted recording is the unredacted one with spans muted
`pii` is the right to hear unredacted recordings, `admin` the right to manage rights.
Nobody can give `pii` to themselves.
A reason is kept as you type it: write no names or numbers of callers."""

STANDINGS: Final = MappingProxyType(
    {
        Standing.MEMBER: "a member",
        Standing.GUEST: "a guest",
        Standing.EXTERNAL: "a person of another organisation",
        Standing.BOT: "a bot",
        Standing.DEACTIVATED: "a deactivated account",
        Standing.UNKNOWN: "unknown to Slack at the moment",
    }
)
HOLDS: Final = MappingProxyType(
    {
        RightHeld.BY_NAME: "by a grant of their own",
        RightHeld.BY_GROUP: "through a user group",
        RightHeld.PERHAPS_BY_NAME: "unknown, because a denied group cannot be read",
        RightHeld.PERHAPS_BY_GROUP: "unknown, because a group cannot be read",
        RightHeld.NOT: "not now: no grant in force, or a deny",
    }
)

AUDIENCES: Final = MappingProxyType(
    {
        Audience.CLEARED: "cleared",
        Audience.NOT_CLEARED: "not all cleared",
        Audience.TOO_LARGE: "too many to check",
        Audience.UNKNOWN: "not checked, or Slack did not answer",
    }
)

HELP_FOR_OTHERS: Final = """These commands are for the admins of callaudio, and you are not one.
`/callaudio help` shows what you can do."""


CANARY: Final[Mapping[str, str]] = MappingProxyType(
    {
        CanaryFinding.SPAN_HEARD: "a span that must be muted can be heard",
        CanaryFinding.ANSWERS_DIFFER: "without `redacted=true` it returns another recording",
    }
)
CHECKING: Final = (
    "I am comparing the redacted recording with the unredacted one, in memory only. "
    "I will send you the outcome in a direct message."
)
THAWED: Final = (
    "Redacted recordings are delivered again. The canary is checked now, and then every hour: if "
    "the plain key still returns unredacted audio, deliveries are frozen again."
)


def checked(check: Check) -> str:
    """Word the outcome of a check."""
    call = code(check.conversation_id)
    return f"Redaction of {call}, {SIDES[check.direction]}: {escape(check.says or '')}"


def frozen(state: CanaryState) -> str:
    """Word that deliveries are frozen, why, and what to do."""
    # A finding without words must not prevent the warning.
    found = CANARY.get(state.found or "", "see the log")
    return (
        "*No redacted recordings are delivered from now on.* The plain key returns unredacted "
        f"audio: {found} (call {code(state.conversation)}). {_posted_before(state)} Unredacted "
        "recordings are still delivered where the rules allow it. Replace the plain key by one "
        "without PII access, check it with `callaudio doctor`, and then type "
        f"`{FORMS['thaw']}`."
    )


def _posted_before(state: CanaryState) -> str:
    """Word which recordings were posted as redacted while the key may have returned raw."""
    held_at, frozen_at = state.held_at, state.frozen_at
    if held_at is None or frozen_at is None or held_at > frozen_at:
        return "Recordings that were posted as redacted before may be unredacted too."
    posted = (
        "Recordings that were posted as redacted since the last check that passed, "
        f"{moment(held_at)},"
    )
    if state.found == CanaryFinding.SPAN_HEARD:
        return f"{posted} are being deleted from Slack; people can request them after the thaw."
    return (
        f"{posted} may be unredacted too: `callaudio audit list --since "
        f"{held_at:%Y-%m-%dT%H:%M:%S}` names them, and you can delete each by its card."
    )


def given(grant: Grant, barred: Person | None = None) -> str:
    """Word a new grant or deny; ``barred``: its person or group, if it does not count now."""
    if grant.effect is Effect.DENY:
        return f"{subject(grant)} may no longer {_right(grant)}, until you revoke this deny."
    if barred:
        until = end(grant.expires_at)
        return (
            f"{subject(grant)} has {code(grant.right)} {until}, but may not {_right(grant)} now: "
            f"{_obstacle(barred, grant.right)}."
        )
    text = f"{subject(grant)} may {_right(grant)}, {end(grant.expires_at)}."
    if grant.subject.kind is SubjectKind.GROUP and grant.right is Right.PII:
        return f"{text} It does not count for you: you cannot grant `pii` to yourself."
    return text


def _obstacle(person: Person, right: Right) -> str:
    deny = person.deny_of(right)
    if deny is None:
        if person.standing is Standing.UNKNOWN:
            return "Slack did not say who that is"
        return f"rights do not count for {STANDINGS[person.standing]}"
    who = f"{giver(deny.given_by)} denied it to {subject(deny)}"
    if person.is_uncertain(deny):
        return f"{who}, and Slack does not say whether they are in that group"
    return f"{who}, and a deny beats every grant. To lift it, type `{FORMS['revoke']}`"


def revoked(count: int) -> str:
    """Word how many grants and denies were ended."""
    return "Revoked." if count == 1 else f"Revoked: {count} grants and denies."


def listed(page: GrantPage) -> str:
    """List the grants and denies in force."""
    lines = [_first_admin(each) for each in page.first_admins[:MAX_LISTED]]
    if len(page.first_admins) > MAX_LISTED:
        lines.append(f"… and {len(page.first_admins) - MAX_LISTED} more named there")
    if not page.shown:
        lines.append("No grant and no deny is in force.")
    lines += [_line(grant) for grant in page.shown]
    if page.more:
        lines.append(
            f"… and {page.more} more: `callaudio grants list` shows them where the bot runs."
        )
    return "\n".join(lines)


def who(user_id: str, person: Person) -> str:
    """List a person's rights, and the grants and denies behind them."""
    held = ", ".join(code(right.value) for right in Right if right in person.held) or "no right"
    lines = [f"<@{user_id}> is {STANDINGS[person.standing]} and holds {held}."]
    if person.is_first_admin:
        lines.append(_first_admin(user_id))
    return "\n".join([*lines, *_of_person(person, person.grants)])


def explained(user_id: str, channel_id: str, explanation: Explanation) -> str:
    """Word the decision, every fact behind it, and the grants and denies."""
    evaluation, facts = explanation.evaluation, explanation.evaluation.facts
    lines = [
        verdict(user_id, channel_id, evaluation, explanation.not_cleared),
        f"• reason: {code(evaluation.decision.reason)}",
        f"• the person is: {STANDINGS[facts.standing]}",
        f"• holds {code(Right.PII)}: {HOLDS[facts.held]}",
        f"• in the destination: {_yes_no(facts.requester_in_destination)}",
        f"• shared with another organisation: {_yes_no(facts.destination_is_external)}",
        f"• private, for members only: {_yes_no(facts.destination_is_private)}",
        f"• on the allow-list: {_yes_no(facts.destination_is_allow_listed)}",
        f"• redacted was requested: {_yes_no(facts.asked_redacted)}",
        f"• cleared for unredacted: {_yes_no(facts.requester_is_cleared)}",
        f"• a raw key is set up: {_yes_no(facts.has_raw_key)}",
        f"• the audience must be cleared: {_yes_no(facts.audience_must_be_cleared)}",
        f"• everyone else there: {AUDIENCES[facts.audience]}",
    ]
    concerning = [grant for grant in explanation.person.grants if grant.right is Right.PII]
    if concerning:
        lines += ["Grants and denies:", *_of_person(explanation.person, concerning)]
    return "\n".join(lines)


def _first_admin(user_id: str) -> str:
    return f"• {code(Right.ADMIN)} <@{user_id}>, named in `CALLAUDIO_ADMINS`"


def _of_person(person: Person, grants: Sequence[Grant]) -> Iterator[str]:
    """List a person's grants and denies; those that do not count come with the reason."""
    for grant in grants[:MAX_LISTED]:
        why = ""
        if not person.is_counted(grant):
            why = f" (does not count for {STANDINGS[person.standing]})"
        elif person.is_uncertain(grant):
            why = " (Slack does not say whether they are in this group)"
        yield f"{_line(grant)}{why}"
    if len(grants) > MAX_LISTED:
        rest = len(grants) - MAX_LISTED
        yield f"… and {rest} more: `callaudio grants list` shows them where the bot runs."


def _line(grant: Grant) -> str:
    effect = "" if grant.effect is Effect.GRANT else "*denied* "
    return (
        f"• {effect}{code(grant.right)} {subject(grant)}, {end(grant.expires_at)}, "
        f"by {giver(grant.given_by)}: {escape(grant.reason)}"
    )


def _right(grant: Grant) -> str:
    return "hear unredacted recordings" if grant.right is Right.PII else "manage rights"


def _yes_no(fact: bool | None) -> str:  # noqa: FBT001 - the fact is what it is about
    return "unknown" if fact is None else "yes" if fact else "no"
