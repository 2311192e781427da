"""The glass wall: why a message came out as it did, every request, and the audit chain."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bot.sandbox.page.product import AuditLine, DecisionTold
from bot.sandbox.page.scene import Viewpoint
from bot.sandbox.page.traffic import Step
from bot.sandbox.page.trials import TRIALS, TrialEnd
from bot.sandbox.render.markup import Html, join, tag
from bot.sandbox.render.reader import Reader

NEWEST: Final = 60
MARGIN_SECONDS: Final = 0.5
"""A request begins before, and ends after, the event that tells of it."""
MARKS: Final = {"passed": "✓", "applies": "➜", "unasked": "·"}
SAID: Final = {"passed": "", "applies": " decides", "unasked": " not looked at any more"}


def wall(
    steps: Sequence[Step],
    audit: Sequence[AuditLine],
    verdict: DecisionTold | None,
    trials: Html,
    reader: Reader,
) -> Html:
    """Draw all of it, newest first."""
    head = audit[-1] if audit else None
    of_head = tag("code", f"{head.seq}:{head.hash[:16]}…") if head else "nothing yet"
    return tag(
        "div",
        *([_why(verdict, reader)] if verdict else []),
        trials,
        tag("h2", "Requests"),
        tag("ol", *(_step(each, reader) for each in reversed(steps[-NEWEST:])), class_="steps"),
        tag("h2", "Audit"),
        tag("p", "Newest event here ", of_head),
        tag("ol", *(_line(each, reader) for each in reversed(audit)), class_="steps"),
        id="wall",
    )


def trial_buttons(results: Mapping[str, TrialEnd | None], place: Viewpoint) -> Html:
    """Offer each fault with what it should come to, and say how it ended."""
    rows = []
    for trial in TRIALS:
        button = tag(
            "button", trial.label, type="submit", name="trial", value=trial.name, class_="tool"
        )
        ended = _ended(results[trial.name], place) if trial.name in results else []
        rows.append(tag("li", button, tag("small", trial.expects, " ", *ended)))
    here = [
        tag("input", type="hidden", name=name, value=value)
        for name, value in (("as", place.user_id), ("in", place.channel_id))
    ]
    form = tag("form", *here, tag("ul", *rows), action="/trial", method="post", class_="trials")
    summary = tag("summary", "Throw a fault")
    is_open = "" if results else None
    return tag("details", summary, form, open=is_open, id="trials")


def _ended(end: TrialEnd | None, place: Viewpoint) -> list[Html]:
    if end is None:
        return [tag("b", "… under way")]
    look = "tick-yes" if end.is_right else "tick-no"
    said = "✓ as the rules say" if end.is_right else "✕ not as the rules say"
    there = tag("a", f"see #{end.channel_name}", href=place.link(**{"in": end.channel_id}))
    return [tag("b", said, class_=look), join(" · "), there]


def within(
    steps: Sequence[Step], audit: Sequence[AuditLine], verdict: DecisionTold
) -> Sequence[Step]:
    """The requests from when a delivery was asked for to its last event, none of other channels."""
    times = [each.at for each in audit if each.delivery_id == verdict.delivery_id]
    if not times:
        return ()
    begin, end = min(times) - MARGIN_SECONDS, max(times) + MARGIN_SECONDS
    here = ("", verdict.channel_id)
    return [step for step in steps if begin <= step.at <= end and step.channel_id in here]


def _why(verdict: DecisionTold, reader: Reader) -> Html:
    rules = [
        tag(
            "li",
            tag("span", MARKS[rule.mark], class_="mark", aria_hidden="true"),
            rule.says,
            tag("small", SAID[rule.mark]),
            class_=rule.mark,
        )
        for rule in verdict.rules
    ]
    asked = f"Asked for by {reader.name(verdict.user_id)}; it is {verdict.state} now."
    return tag(
        "section",
        tag("h2", "Why?"),
        tag("p", verdict.says, class_="says"),
        tag("p", asked, " Below is what happened in between."),
        tag("ol", *rules, class_="rules"),
        class_="why",
    )


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
