"""Parses `/callaudio-admin …`."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from bot.access.durations import parse_duration
from bot.access.grants import Effect, Right, SubjectKind
from bot.errors import UsageError, quoted
from bot.polyai.payloads import Direction
from bot.recordings.references.reference import Reference, parse_reference
from bot.recordings.references.typed_words import plain_word, unescaped, words_of
from bot.slack.digest_admin.commands import DigestCommand, parse_digest_command
from bot.slack.identifiers import ADMIN_COMMAND
from bot.slack.recordings.command_text import DIRECTIONS, channel_of
from bot.text.characters import made_plain

USER: Final = re.compile(r"<@([UW][A-Z0-9]{2,})(?:\|[^>]*)?>")
GROUP: Final = re.compile(r"<!subteam\^(S[A-Z0-9]{2,})(?:\|[^>]*)?>")
MAX_REASON_CHARACTERS: Final = 300

_USAGE: Final = (
    (
        "grant @user|@group pii|admin [for 8h|3d] reason…",
        "needs a person or a group, a right and a reason",
    ),
    ("deny @user|@group pii|admin reason…", "needs a person or a group, a right and a reason"),
    ("revoke @user|@group pii|admin", "needs a person or a group, and a right"),
    ("list", "takes no arguments"),
    ("who @user", "needs a person"),
    ("explain CA… @user #channel", "needs a conversation, a person and a channel"),
    ("check CA… [user|agent]", "needs a conversation, and may name a side"),
    ("thaw reason…", "needs a reason"),
)
"""The syntax of each command about rights, and what to say of another one."""
FORMS: Final[Mapping[str, str]] = MappingProxyType(
    {form.split()[0]: f"{ADMIN_COMMAND} {form}" for form, _ in _USAGE}
)
NEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {form.split()[0]: needs for form, needs in _USAGE}
)
EXAMPLES: Final[Mapping[Effect, str]] = MappingProxyType(
    {
        Effect.GRANT: f"{ADMIN_COMMAND} grant @ana pii for 8h call quality review",
        Effect.DENY: f"{ADMIN_COMMAND} deny @ana pii left the project",
    }
)
"""Whole commands, as people type them."""


class AdminUsage(UsageError):
    """An admin command that cannot be parsed."""

    code = "admin_usage"
    fix = "Type `/callaudio-admin help` to see the commands."


@dataclass(frozen=True, slots=True)
class NamedSubject:
    """A mentioned person or user group."""

    kind: SubjectKind
    id: str


@dataclass(frozen=True, slots=True)
class Help:
    """`help`."""


@dataclass(frozen=True, slots=True)
class Give:
    """`grant @user|@group pii|admin [for 8h] reason…`, and `deny` without an end."""

    effect: Effect
    named: NamedSubject
    right: Right
    lasting: timedelta | None
    reason: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """`revoke @user|@group pii|admin`."""

    named: NamedSubject
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


@dataclass(frozen=True, slots=True)
class CheckRecording:
    """`check <conversation> [user|agent]`."""

    reference: Reference
    direction: Direction = Direction.COMBINED


@dataclass(frozen=True, slots=True)
class Thaw:
    """`thaw reason…`."""

    reason: str


RightsCommand = Help | Give | Revoke | ListAll | Who | Explain | CheckRecording | Thaw
AdminCommand = RightsCommand | DigestCommand


def parse_admin_command(text: str) -> AdminCommand:
    """Parse the text of the command.

    Raises:
        UsageError: it cannot be parsed.
    """
    first, *rest = words_of(text) or ["help"]
    verb, words = plain_word(first).lower(), [word for word in map(plain_word, rest) if word]
    match verb, words:
        case (("" | "help"), _):
            return Help()
        case "list", []:
            return ListAll()
        case (("grant" | "deny"), [_, _, *_]):
            return _give(Effect(verb), rest)
        case "digest", _:
            return parse_digest_command([made_plain(word) for word in rest])
        case "revoke", [_, _]:
            named, right = _subject_first(words)
            return Revoke(_named_subject(named), _right(right))
        case "who", [user]:
            return Who(_user(user))
        case "explain", [reference, user, channel]:
            channel_id = channel_of(channel)
            if channel_id is None:
                raise AdminUsage(what=f"{quoted(channel)} is no channel.")
            return Explain(parse_reference(reference), _user(user), channel_id)
        case ("check", [_] | [_, _]) | ("thaw", [_, *_]):
            return _of_redaction(verb, words, rest)
    raise _unreadable(verb)


def _of_redaction(verb: str, words: Sequence[str], typed: Sequence[str]) -> CheckRecording | Thaw:
    if verb == "thaw":
        return Thaw(unescaped(" ".join(typed))[:MAX_REASON_CHARACTERS])
    side = words[1].lower() if words[1:] else Direction.COMBINED
    if side not in DIRECTIONS:
        raise _unreadable(verb)
    return CheckRecording(parse_reference(words[0]), DIRECTIONS[side])


def _unreadable(verb: str) -> AdminUsage:
    if verb in FORMS:
        fix = _for_instance(Effect(verb)) if verb in list(Effect) else None
        return AdminUsage(what=f"`{verb}` {NEEDS[verb]}: `{FORMS[verb]}`", fix=fix)
    near = difflib.get_close_matches(verb[:60], [*FORMS, "digest", "help"], n=1)
    return AdminUsage(
        what=f"I do not know {quoted(verb)}.",
        likely_cause=f"Did you mean `{near[0]}`?" if near else None,
    )


def _for_instance(effect: Effect) -> str:
    return f"Type for instance `{EXAMPLES[effect]}`; `{ADMIN_COMMAND} help` shows all commands."


def _subject_first(words: Sequence[str]) -> Sequence[str]:
    """Put the subject before the right: people type them in either order."""
    named, right, *rest = words
    return [right, named, *rest] if right.startswith("<") else words


def _give(effect: Effect, words: list[str]) -> Give:
    named, right, *words = _subject_first(words)
    lasting = None
    if words and plain_word(words[0]).lower() == "for":
        if effect is Effect.DENY:
            raise AdminUsage(what="A deny has no end; it lasts until it is revoked.")
        if len(words) == 1:
            raise AdminUsage(
                what="After `for` comes a duration, such as `8h`.", fix=_for_instance(effect)
            )
        lasting, words = parse_duration(plain_word(words[1])), words[2:]
    reason = unescaped(" ".join(words))
    if not reason:
        raise AdminUsage(what="The reason is missing.", fix=_for_instance(effect))
    return Give(
        effect,
        _named_subject(named),
        _right(right, _for_instance(effect)),
        lasting,
        reason[:MAX_REASON_CHARACTERS],
    )


def _named_subject(word: str) -> NamedSubject:
    word = plain_word(word)
    if user := USER.fullmatch(word):
        return NamedSubject(SubjectKind.USER, user[1])
    if group := GROUP.fullmatch(word):
        return NamedSubject(SubjectKind.GROUP, group[1])
    raise AdminUsage(
        what=f"I cannot tell who {quoted(word)} is.",
        fix="Choose the person or group from the list that opens after `@`.",
    )


def _user(word: str) -> str:
    named = _named_subject(word)
    if named.kind is not SubjectKind.USER:
        raise AdminUsage(what="That takes a person, not a group.")
    return named.id


def _right(word: str, fix: str | None = None) -> Right:
    try:
        return Right(plain_word(word).lower())
    except ValueError:
        what = f"{quoted(word)} is no right; there are `pii` and `admin`."
        raise AdminUsage(what=what, fix=fix) from None
