"""Words for rights and for the people who grant them."""

from datetime import datetime

from bot.access.grants import Effect, Grant, Right, SubjectKind
from bot.access.person import Person
from bot.slack.wording import code, moment


def subject(grant: Grant) -> str:
    """Mention the subject of a grant."""
    is_user = grant.subject.kind is SubjectKind.USER
    return f"<@{grant.subject.id}>" if is_user else f"<!subteam^{grant.subject.id}>"


def giver(given_by: str) -> str:
    """Name the giver of a right: a person, or an account on the machine of the bot."""
    return f"<@{given_by}>" if given_by.startswith(("U", "W")) else code(given_by)


def end(expires_at: datetime | None) -> str:
    """Word the end of a right."""
    return f"until {moment(expires_at)}" if expires_at else "permanently"


def clearance(person: Person) -> str:
    """Word whether a person may hear unredacted recordings, until when, and who granted it."""
    grant = person.grant_of(Right.PII)
    if Right.PII in person.held:
        return f"You may hear unredacted recordings{_by(grant)}."
    deny = person.deny_of(Right.PII)
    if deny and person.is_uncertain(deny):
        return (
            f"You get redacted recordings: {giver(deny.given_by)} denied unredacted ones to "
            f"{subject(deny)}, and Slack does not say whether you are in that group."
        )
    if deny:
        through = "" if deny.subject.kind is SubjectKind.USER else f" through {subject(deny)}"
        return (
            f"You may not hear unredacted recordings: {giver(deny.given_by)} denied it{through}, "
            "and a deny beats every grant. You get redacted recordings."
        )
    return (
        "You are not cleared to hear unredacted recordings, so you get redacted ones. The button "
        "*Request access* comes with each recording that is redacted for this reason."
    )


def administration(person: Person) -> str | None:
    """Word that a person is an admin, until when, and who granted it; None for others."""
    if Right.ADMIN not in person.held:
        return None
    return f"You are an admin of callaudio{_by(person.grant_of(Right.ADMIN))}."


def _by(grant: Grant | None) -> str:
    if grant is None or grant.effect is not Effect.GRANT:
        return ""
    through = "" if grant.subject.kind is SubjectKind.USER else f" to {subject(grant)}"
    return f" {end(grant.expires_at)}, granted{through} by {giver(grant.given_by)}"
