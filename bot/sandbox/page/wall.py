"""The log part of the page: requests between Slack, bot and PolyAI, the audit and its head."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bot.sandbox.page.product import AuditLine, ChainCheck, DecisionShown
from bot.sandbox.page.scene import Viewpoint, fields_of
from bot.sandbox.page.traffic import Step
from bot.sandbox.render.markup import Html, join, tag
from bot.sandbox.render.reader import Reader

NEWEST: Final = 60
HEAD_SHOWN: Final = 20
MARGIN_SECONDS: Final = 0.5
"""A request starts before its event, and ends after it."""


def wall(steps: Sequence[Step], audit: Sequence[AuditLine], proof: Html, reader: Reader) -> Html:
    """Draw the requests and the events, newest first."""
    return tag(
        "div",
        tag("h2", "Requests"),
        tag("ol", *(_step(each, reader) for each in reversed(steps[-NEWEST:])), class_="steps"),
        tag("h2", "Audit"),
        proof,
        tag("ol", *(_line(each, reader) for each in reversed(audit)), class_="steps"),
        id="wall",
    )


def within(
    steps: Sequence[Step], audit: Sequence[AuditLine], verdict: DecisionShown
) -> Sequence[Step]:
    """Select the requests from a delivery's first to its last event, without other channels'."""
    times = [each.at for each in audit if each.delivery_id == verdict.delivery_id]
    if not times:
        return ()
    begin, end = min(times) - MARGIN_SECONDS, max(times) + MARGIN_SECONDS
    here = ("", verdict.channel_id)
    return [step for step in steps if begin <= step.at <= end and step.channel_id in here]


def _step(step: Step, reader: Reader) -> Html:
    look = "refused" if step.is_refused else None
    parts = [tag("b", step.between), " ", step.says, tag("small", _named(step.about, reader))]
    return tag("li", tag("time", _clock(step.at)), tag("span", *parts), class_=look)


def _line(line: AuditLine, reader: Reader) -> Html:
    facts = " · ".join(
        f"{key} {value}" for key, value in line.payload.items() if value not in (None, "")
    )
    about = " · ".join(part for part in (reader.name(line.actor_id), facts) if part)
    parts = [tag("b", f"{line.seq} {line.tag}"), tag("small", join(about, " · ", line.hash[:12]))]
    return tag("li", tag("time", _clock(line.at)), tag("span", *parts))


def _named(words: str, reader: Reader) -> str:
    return " ".join(reader.name(word) for word in words.split(" "))


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def proof(audit: Sequence[AuditLine], check: ChainCheck | None, place: Viewpoint) -> Html:
    """Draw the head, the button that verifies the chain, and the result of the last check."""
    head = audit[-1] if audit else None
    anchor = f"{head.seq}:{head.hash}" if head else ""
    short = tag("code", f"{anchor[:HEAD_SHOWN]}…", title=anchor) if head else "nothing yet"
    about = "Each event is hashed over the one before. Write the head down where nobody can change"
    about = f"{about} it; an event altered later no longer leads to it."
    button = tag("button", "Verify the chain", type="submit", class_="tool")
    said = [] if check is None else [join(" "), tag("b", *_said(check))]
    form = tag(
        "form", *fields_of(place), button, *said, action="/verify", method="post", id="verify"
    )
    return tag("div", tag("p", "Head: ", short), tag("p", tag("small", about)), form)


def _said(check: ChainCheck) -> list[str]:
    if check.findings:
        return ["✕ ", "; ".join(check.findings)]
    return [f"✓ {check.events} events, none altered; head {check.head[:HEAD_SHOWN]}…"]
