"""Slack's mrkdwn as HTML (docs: "Formatting text for app surfaces").

Emoji codes are unchanged, because an emoji font may be missing.
"""

import re
from collections.abc import Callable

from bot.sandbox.render.markup import Block, Html, UnrenderableError, join, lines, tag
from bot.sandbox.render.reader import Reader


def _emphasis(sign: str, name: str) -> str:
    """Build the pattern of a span between two signs at the edges of words."""
    mark = re.escape(sign)
    return rf"(?<!\w){mark}(?P<{name}>(?=\S)[^{mark}\n]+(?<=\S)){mark}(?!\w)"


_SPAN = re.compile(
    r"```(?P<pre>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<reference>[^<>\n]+)>"
    rf"|{_emphasis('*', 'strong')}|{_emphasis('_', 'em')}|{_emphasis('~', 's')}",
    re.DOTALL,
)
_QUOTE = re.compile(r"(?m)(?:^(?:&gt;|>) ?.*\n?)+")
_QUOTE_MARK = re.compile(r"(?m)^(?:&gt;|>) ?")
_DATE = re.compile(r"!date\^(-?\d+)\^([^|^]+)(?:\^([^|]+))?(?:\|.*)?")
_LINK = re.compile(r"(?:https?://|mailto:)\S+")


def mrkdwn(text: str, reader: Reader) -> Html:
    """Draw mrkdwn; everything that is not Slack's markup stays text."""
    parts: list[Html] = []
    at = 0
    for quote in _QUOTE.finditer(text):
        parts.append(_spans(text[at : quote.start()], reader))
        inner = _QUOTE_MARK.sub("", quote[0]).rstrip("\n")
        parts.append(tag("blockquote", _spans(inner, reader)))
        at = quote.end()
    return join(*parts, _spans(text[at:], reader))


def text_object(text: Block, reader: Reader) -> Html:
    """Draw a ``plain_text`` or ``mrkdwn`` object.

    Raises:
        UnrenderableError: it is neither.
    """
    if text.get("type") == "plain_text":
        return lines(str(text["text"]))
    if text.get("type") == "mrkdwn":
        return mrkdwn(str(text["text"]), reader)
    raise UnrenderableError(f"text of type {text.get('type')!r}")


def _spans(text: str, reader: Reader) -> Html:
    parts: list[Html] = []
    at = 0
    for span in _SPAN.finditer(text):
        parts.append(lines(_unescaped(text[at : span.start()])))
        kind = str(span.lastgroup)
        parts.append(_DRAW[kind](span[kind], reader))
        at = span.end()
    return join(*parts, lines(_unescaped(text[at:])))


def _reference(inside: str, reader: Reader) -> Html:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return mention(f"@{reader.name(target[1:])}")
    if target.startswith("#"):
        return mention(f"#{reader.names.get(target[1:]) or label or target[1:]}")
    if target.startswith("!"):
        return _special(inside, reader)
    if not _LINK.fullmatch(target):
        return join(f"<{_unescaped(inside)}>")
    return link(_unescaped(target), _unescaped(label or target.removeprefix("mailto:")))


def _special(inside: str, reader: Reader) -> Html:
    date = _DATE.fullmatch(inside)
    if date:
        written = reader.written_date(int(date[1]), date[2])
        return link(_unescaped(date[3]), written) if date[3] else join(written)
    target, _, label = inside.partition("|")
    if target.startswith("!subteam^"):
        group_id = target.removeprefix("!subteam^")
        name = reader.names.get(group_id) or label or group_id
        return mention(f"@{name.removeprefix('@')}")
    if target in ("!here", "!channel", "!everyone"):
        return tag("span", f"@{target[1:]}", class_="mention loud")
    return join(f"<{_unescaped(inside)}>")


def mention(name: str) -> Html:
    """A mention of a person, a channel or a group."""
    return tag("span", name, class_="mention")


def link(address: str, label: str) -> Html:
    """A link to the outside."""
    if not _LINK.fullmatch(address):
        return join(label)
    return tag("a", label, href=address, rel="noreferrer")


def code(text: str) -> Html:
    """A word in code font."""
    return tag("code", text)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


_DRAW: dict[str, Callable[[str, Reader], Html]] = {
    "pre": lambda text, _: tag("pre", _unescaped(text).strip("\n")),
    "code": lambda text, _: code(_unescaped(text)),
    "reference": _reference,
    "strong": lambda text, reader: tag("strong", _spans(text, reader)),
    "em": lambda text, reader: tag("em", _spans(text, reader)),
    "s": lambda text, reader: tag("s", _spans(text, reader)),
}
