"""The private answers to `/callaudio-admin`."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bot.access.grant_pages import GrantPage
from bot.access.grants import Effect, Grant, Right, SubjectKind
from bot.access.person import Person
from bot.access.policy import Audience, Held, Standing
from bot.recordings.explaining import Explanation
from bot.recordings.redaction.canary import CanaryFinding
from bot.recordings.redaction.canary_store import CanaryState
from bot.recordings.redaction.check_store import Check
from bot.slack.access.rights_wording import end, giver, subject
from bot.slack.admin.commands import FORMS
from bot.slack.admin.verdicts import verdict
from bot.slack.wording import code, escape

MAX_LISTED: Final = 30

HELP: Final = f"""*Rights of callaudio*
`{FORMS["grant"]}` gives a right
`{FORMS["deny"]}` denies it; a deny beats every grant
`{FORMS["revoke"]}` ends both
`{FORMS["list"]}` shows all that is in force
`{FORMS["who"]}` shows what a person may do, and why
`{FORMS["explain"]}` shows what they would get there, and why
`{FORMS["thaw"]}` lets redacted recordings go again after a freeze
`{FORMS["check"]}` tells whether the redacted recording is the raw one with moments muted
`pii` is the right to hear raw recordings, `admin` the right to manage rights.
Nobody can give `pii` to themselves."""

STANDINGS: Final = MappingProxyType(
    {
        Standing.MEMBER: "a member",
        Standing.GUEST: "a guest",
        Standing.EXTERNAL: "somebody of another organisation",
        Standing.BOT: "a bot",
        Standing.DEACTIVATED: "somebody deactivated",
        Standing.UNKNOWN: "unknown to Slack at the moment",
    }
)
HOLDS: Final = MappingProxyType(
    {
        Held.BY_NAME: "by a grant of their own",
        Held.BY_GROUP: "through a user group",
        Held.PERHAPS_BY_NAME: "not known, for a denied group cannot be read",
        Held.PERHAPS_BY_GROUP: "not known, for a group cannot be read",
        Held.NOT: "not now: no grant in force, or a deny",
    }
)

AUDIENCES: Final = MappingProxyType(
    {
        Audience.CLEARED: "cleared",
        Audience.NOT_CLEARED: "not all cleared",
        Audience.TOO_LARGE: "too many to look at",
        Audience.UNKNOWN: "not looked at, or Slack does not tell",
    }
)

HELP_FOR_OTHERS: Final = """These commands are for the admins of callaudio, and you are not one.
`/callaudio help` shows what you can do."""


CANARY: Final[Mapping[str, str]] = MappingProxyType(
    {
        CanaryFinding.SPAN_HEARD: "a moment that must be muted can be heard",
        CanaryFinding.ANSWERS_DIFFER: "without `redacted=true` it brings another recording",
    }
)
CHECKING: Final = (
    "I am holding the redacted recording against the raw one, in memory alone. "
    "The outcome comes in your direct messages with me."
)
THAWED: Final = "Redacted recordings are delivered again. The canary is looked at each hour."


def checked(check: Check) -> str:
    """Say what came of a check."""
    return f"Redaction of {code(check.conversation_id)}: {escape(check.says or '')}"


def frozen(state: CanaryState) -> str:
    """Say that deliveries are frozen, why, and what to do."""
    # Admins are warned whatever was found: for want of words no warning may fail.
    found = CANARY.get(state.found or "", "see the log")
    return (
        "*No redacted recordings are delivered from now on.* The plain key brings something raw: "
        f"{found} (call {code(state.conversation)}). Raw recordings still go "
        "where the rules allow raw. Replace the plain key by one without PII access, see that "
        f"`callaudio doctor` is content, and then type `{FORMS['thaw']}`."
    )


def given(grant: Grant) -> str:
    """Say what was just given or denied."""
    if grant.effect is Effect.DENY:
        return f"{subject(grant)} may no longer {_right(grant)}, until you revoke this deny."
    said = f"{subject(grant)} may {_right(grant)}, {end(grant.expires_at)}."
    if grant.subject.kind is SubjectKind.GROUP and grant.right is Right.PII:
        return f"{said} It does not count for you: nobody can give `pii` to themselves."
    return said


def revoked(count: int) -> str:
    """Say how much was ended."""
    return "Revoked." if count == 1 else f"Revoked: {count} grants and denies."


def listed(page: GrantPage) -> str:
    """List what is in force."""
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
    """Say what one person may do, and by which grants."""
    held = ", ".join(code(right.value) for right in Right if right in person.held) or "no right"
    lines = [f"<@{user_id}> is {STANDINGS[person.standing]} and holds {held}."]
    if person.is_first_admin:
        lines.append(_first_admin(user_id))
    return "\n".join([*lines, *_of_person(person, person.grants)])


def explained(user_id: str, channel_id: str, told: Explanation) -> str:
    """Say what would be decided, every fact behind it, and by which grants and denies."""
    ruling, facts = told.ruling, told.ruling.facts
    lines = [
        verdict(user_id, channel_id, ruling, told.not_cleared),
        f"• reason: {code(ruling.decision.reason)}",
        f"• the person is: {STANDINGS[facts.standing]}",
        f"• holds {code(Right.PII)}: {HOLDS[facts.held]}",
        f"• in the destination: {_yes_no(facts.requester_in_destination)}",
        f"• shared with another organisation: {_yes_no(facts.destination_is_external)}",
        f"• private, for its members alone: {_yes_no(facts.destination_is_private)}",
        f"• on the allow-list: {_yes_no(facts.destination_is_allow_listed)}",
        f"• redacted was asked for: {_yes_no(facts.asked_redacted)}",
        f"• cleared for raw: {_yes_no(facts.requester_is_cleared)}",
        f"• a raw key is set up: {_yes_no(facts.has_raw_key)}",
        f"• the audience must be cleared: {_yes_no(facts.audience_must_be_cleared)}",
        f"• everyone else there: {AUDIENCES[facts.audience]}",
    ]
    concerning = [grant for grant in told.person.grants if grant.right is Right.PII]
    if concerning:
        lines += ["What was given and denied:", *_of_person(told.person, concerning)]
    return "\n".join(lines)


def _first_admin(user_id: str) -> str:
    return f"• {code(Right.ADMIN)} <@{user_id}>, named in `CALLAUDIO_ADMINS`"


def _of_person(person: Person, grants: Sequence[Grant]) -> Iterator[str]:
    """List grants and denies that concern somebody, and say of those that do not count why."""
    for grant in grants[:MAX_LISTED]:
        is_counted = person.is_counted(grant)
        why = "" if is_counted else f" (does not count for {STANDINGS[person.standing]})"
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
    return "hear raw recordings" if grant.right is Right.PII else "manage rights"


def _yes_no(fact: bool | None) -> str:  # noqa: FBT001 - the fact is what it is about
    return "not known" if fact is None else "yes" if fact else "no"
