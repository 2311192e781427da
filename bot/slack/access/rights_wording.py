"""Rights and those who give them, in words."""

from datetime import datetime

from bot.access.grants import Effect, Grant, Right, SubjectKind
from bot.access.person import Person
from bot.slack.wording import code, moment


def subject(grant: Grant) -> str:
    """Name whom a grant is for."""
    is_user = grant.subject.kind is SubjectKind.USER
    return f"<@{grant.subject.id}>" if is_user else f"<!subteam^{grant.subject.id}>"


def giver(given_by: str) -> str:
    """Name who gave a right: a person, or an account where the bot runs."""
    return f"<@{given_by}>" if given_by.startswith(("U", "W")) else code(given_by)


def end(expires_at: datetime | None) -> str:
    """Say until when something holds."""
    return f"until {moment(expires_at)}" if expires_at else "permanently"


def clearance(person: Person) -> str:
    """Tell somebody whether they may hear raw recordings, until when, and by whom."""
    grant = person.grant_of(Right.PII)
    if Right.PII in person.held:
        return f"You may hear raw recordings{_by(grant)}."
    deny = person.deny_of(Right.PII)
    if deny:
        through = "" if deny.subject.kind is SubjectKind.USER else f" through {subject(deny)}"
        return (
            f"You may not hear raw recordings: {giver(deny.given_by)} denied it{through}, and a "
            "deny beats every grant. You get them redacted."
        )
    return (
        "You are not cleared to hear raw recordings, so you get them redacted. *Request access* "
        "comes with a recording that was redacted for that."
    )


def administration(person: Person) -> str | None:
    """Tell an admin that they are one, until when, and by whom; None for others."""
    if Right.ADMIN not in person.held:
        return None
    return f"You are an admin of callaudio{_by(person.grant_of(Right.ADMIN))}."


def _by(grant: Grant | None) -> str:
    if grant is None or grant.effect is not Effect.GRANT:
        return ""
    through = "" if grant.subject.kind is SubjectKind.USER else f" to {subject(grant)}"
    return f" {end(grant.expires_at)}, granted{through} by {giver(grant.given_by)}"
