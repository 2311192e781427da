"""What `doctor` prints: first what has to be done, then one line about the rest, then what is next.

Lines break between words; a command to paste is never broken.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bot.cli.checks.finding import Finding, Status
from bot.slack.wording import counted
from bot.text.characters import printable

COLUMNS: Final = ("state", "what", "says", "fix")
"""The fields of a finding for scripts."""

ALL_SET_UP: Final = (
    "Everything is set up. While callaudio runs, type /callaudio and a conversation id in a "
    "channel with the bot."
)
TO_SET_UP: Final = "to set up"
INFORMATION: Final = "info"
_ORDER: Final = (Status.WRONG, TO_SET_UP, Status.OK, INFORMATION, Status.UNCHECKED)
"""The labels, in the order in which findings are printed."""
_WITHIN: Final = "\0"
"""In place of a space at which no line may break."""
_WORD: Final = re.compile(r"`[^`]*`\S*|\S+")


def report(findings: Sequence[Finding], *, width: int | None, shows_all: bool) -> str:
    """Return the text for a terminal of that width; None: lines are as long as they need to be."""
    rest = [each for each in findings if not _is_shown(each)]
    shown = [each for each in findings if _is_shown(each)]
    shown.sort(key=lambda each: _ORDER.index(_label(each)))
    parts = [_paragraph(each, width) for each in _by_cause(shown)]
    if shows_all:
        parts.append("\n".join(_paragraph(each, width) for each in rest))
    elif rest:
        summary = (
            f"{counted(len(rest), 'check')} found no fault: `callaudio doctor --all` lists them."
        )
        parts.append(_fold(_words(summary), width))
    head, fix = _next_step(findings)
    parts.append(_fold([*_words(head), *_words_of_fix(fix)], width))
    return "\n\n".join(each for each in parts if each)


def _next_step(findings: Sequence[Finding]) -> tuple[str, str]:
    """Return the first fault and its fix, or else the first item to set up and how."""
    for each in findings:
        if each.state is Status.WRONG:
            return f"Fix this first: {each.what}.", each.fix
    for each in findings:
        if each.state is Status.SET and each.fix:
            return f"Next: {each.what}.", each.fix
    return ALL_SET_UP, ""


def _label(finding: Finding) -> str:
    if finding.state is Status.SET:
        return TO_SET_UP if finding.fix else INFORMATION
    return finding.state


def _is_shown(finding: Finding) -> bool:
    """Return whether the finding is printed without ``--all``."""
    return finding.is_always_shown or _label(finding) not in (Status.OK, INFORMATION)


def _by_cause(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Join the findings that wait for the same fault into one."""
    waiting: dict[str, list[str]] = {}
    for each in findings:
        if each.state is Status.UNCHECKED:
            waiting.setdefault(each.says, []).append(each.what)
        else:
            yield each
    for says, names in waiting.items():
        yield Finding(", ".join(names), Status.UNCHECKED, says)


def _paragraph(finding: Finding, width: int | None) -> str:
    says = _fold(_words(f"[{_label(finding)}] {finding.what}: {finding.says}"), width)
    if not finding.fix:
        return says
    label = "Fix:" if finding.state is Status.WRONG else "To do:"
    words = _words_of_fix(finding.fix)
    return f"{says}\n{_fold(words if _is_command(finding.fix) else [label, *words], width)}"


def _is_command(fix: str) -> bool:
    """Return whether a fix is a command to paste: sentences begin with a capital letter."""
    return fix[:1].islower()


def _words(text: str) -> list[str]:
    """Split a text where a line may break; what is quoted by backticks is one word."""
    return _WORD.findall(printable(text, keep=""))


def _words_of_fix(fix: str) -> list[str]:
    return [printable(fix, keep="")] if _is_command(fix) else _words(fix)


def _fold(words: Iterable[str], width: int | None) -> str:
    """Join words to lines of at most that width; a longer word has a line of its own."""
    text = " ".join(word.replace(" ", _WITHIN) for word in words)
    if width is not None:
        text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    return text.replace(_WITHIN, " ")
