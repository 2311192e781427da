"""What `/callaudio-admin …` may say, read into a value."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.access.durations import parse_duration
from bot.access.grants import Effect, Right, SubjectKind
from bot.errors import UsageError
from bot.recordings.reference import Reference, parse_reference
from bot.slack.recordings.commands import channel_of, words_of
from bot.slack.schedules.commands import DigestCommand, parse_digest_command
from bot.slack.wording import code

USER: Final = re.compile(r"<@([UW][A-Z0-9]{2,})(?:\|[^>]*)?>")
GROUP: Final = re.compile(r"<!subteam\^(S[A-Z0-9]{2,})(?:\|[^>]*)?>")
MAX_REASON_CHARACTERS: Final = 300


class AdminUsage(UsageError):
    """An admin command that cannot be read."""

    code = "admin_usage"
    fix = "Type `/callaudio-admin help` to see the commands."


@dataclass(frozen=True, slots=True)
class Whom:
    """A person or a user group, as mentioned."""

    kind: SubjectKind
    id: str


@dataclass(frozen=True, slots=True)
class Help:
    """`help`."""


@dataclass(frozen=True, slots=True)
class Give:
    """`grant @user|@group pii|admin [for 8h] reason…`, and `deny` without an end."""

    effect: Effect
    whom: Whom
    right: Right
    lasting: timedelta | None
    reason: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """`revoke @user|@group pii|admin`."""

    whom: Whom
    right: Right


@dataclass(frozen=True, slots=True)
class ListAll:
    """`list`."""


@dataclass(frozen=True, slots=True)
class Who:
    """`who @user`."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Explain:
    """`explain <conversation> @user #channel`."""

    reference: Reference
    user_id: str
    channel_id: str


RightsCommand = Help | Give | Revoke | ListAll | Who | Explain
AdminCommand = RightsCommand | DigestCommand


def parse_admin_command(text: str) -> AdminCommand:
    """Read the text of the command.

    Raises:
        UsageError: it cannot be understood.
    """
    words = words_of(text)
    verb, rest = (words[0].lower(), words[1:]) if words else ("help", [])
    match verb, rest:
        case "help", []:
            return Help()
        case "list", []:
            return ListAll()
        case (("grant" | "deny"), [whom, right, *reason]):
            return _give(Effect(verb), whom, right, reason)
        case "digest", _:
            return parse_digest_command(rest)
        case "revoke", [whom, right]:
            return Revoke(_whom(whom), _right(right))
        case "who", [user]:
            return Who(_user(user))
        case "explain", [reference, user, channel]:
            channel_id = channel_of(channel)
            if channel_id is None:
                raise AdminUsage(what=f"{code(channel[:60])} is no channel.")
            return Explain(parse_reference(reference), _user(user), channel_id)
    raise AdminUsage(what=f"I cannot read {code(' '.join(words)[:80])}.")


def _give(effect: Effect, whom: str, right: str, words: list[str]) -> Give:
    lasting = None
    if words and words[0].lower() == "for":
        if effect is Effect.DENY:
            raise AdminUsage(what="A deny has no end; it lasts until it is revoked.")
        if len(words) == 1:
            raise AdminUsage(what="After `for` comes a duration, such as `8h`.")
        lasting, words = parse_duration(words[1]), words[2:]
    reason = " ".join(words)
    if not reason:
        raise AdminUsage(what="The reason is missing.", fix="Write it at the end of the command.")
    return Give(effect, _whom(whom), _right(right), lasting, reason[:MAX_REASON_CHARACTERS])


def _whom(word: str) -> Whom:
    if user := USER.fullmatch(word):
        return Whom(SubjectKind.USER, user[1])
    if group := GROUP.fullmatch(word):
        return Whom(SubjectKind.GROUP, group[1])
    raise AdminUsage(
        what=f"I cannot tell who {code(word[:60])} is.",
        fix="Choose the person or group from the list that opens after `@`.",
    )


def _user(word: str) -> str:
    whom = _whom(word)
    if whom.kind is not SubjectKind.USER:
        raise AdminUsage(what="That takes a person, not a group.")
    return whom.id


def _right(word: str) -> Right:
    try:
        return Right(word.lower())
    except ValueError:
        raise AdminUsage(
            what=f"{code(word[:60])} is no right; there are `pii` and `admin`."
        ) from None
