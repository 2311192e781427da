"""Explains a decision: a sentence, the result of each rule, and both versions to compare."""

from typing import Final

from bot.sandbox.page.product import DecisionShown, Rule
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.recordings import Direction
from bot.sandbox.render.markup import Html, join, tag
from bot.sandbox.render.reader import Reader
from bot.sandbox.render.waveform import muted_spans, waveform

MARKS: Final = {"passed": "✓", "applies": "➜", "unasked": "·"}
SAID: Final = {"passed": "", "applies": " decides", "unasked": ""}
MOST_KEPT: Final = 16
Drawn = tuple[Html, Html, str]


class Versions:
    """Draws both versions, and caches the drawings, because each change redraws the page."""

    def __init__(self, polyai: PolyAISandbox) -> None:
        self._polyai = polyai
        self._drawn: dict[tuple[str, Direction], Drawn] = {}

    def of(self, decision: DecisionShown) -> Html:
        """Draw both versions of the call of a decision, if there is one.

        The delivered version is marked.
        """
        drawn = self._draw(decision.conversation_id, decision.direction)
        if drawn is None:
            return join()
        raw, redacted, where = drawn
        rows = [
            tag("figure", tag("figcaption", name, *_sent(name, decision)), picture)
            for name, picture in (("Raw", raw), ("Redacted", redacted))
        ]
        about = f"What PolyAI has; nobody in the workspace sees this. Muted: {where}."
        return tag("div", *rows, tag("small", about), class_="versions")

    def _draw(self, conversation_id: str, direction: Direction) -> Drawn | None:
        key = (conversation_id, direction)
        if key not in self._drawn:
            found = [c for (_, each), c in self._polyai.calls.items() if each == conversation_id]
            if not found or found[0].recording is None:
                return None
            recording = found[0].recording
            raw, redacted = (
                b"".join(recording.pieces(direction, redacted=each)) for each in (False, True)
            )
            spans = muted_spans(raw, redacted)
            where = ", ".join(f"{begin:.1f} to {end:.1f} s" for begin, end in spans) or "nothing"
            self._drawn[key] = (
                waveform(raw, (), "The raw recording"),
                waveform(redacted, spans, f"The redacted recording; muted: {where}"),
                where,
            )
            if len(self._drawn) > MOST_KEPT:
                del self._drawn[next(iter(self._drawn))]
        return self._drawn[key]


def why(verdict: DecisionShown | None, versions: Versions, reader: Reader) -> Html:
    """Draw the panel; empty without a request or a decision."""
    if verdict is None:
        return tag("div", id="why")
    looked_at = [_rule(rule) for rule in verdict.rules if rule.mark != "unasked"]
    rest = [_rule(rule) for rule in verdict.rules if rule.mark == "unasked"]
    if rest:
        rest.insert(0, tag("li", "Not looked at any more:", class_="unasked"))
    gone = []
    if verdict.taken_back:
        gone.append(tag("p", f"Raw was here, and was deleted: {verdict.taken_back}."))
    asked = f"Asked for by {reader.name(verdict.user_id)}; it is {verdict.state} now."
    panel = tag(
        "section",
        tag("h2", "Why?"),
        *gone,
        tag("p", verdict.says, class_="says"),
        tag("p", asked, " The requests and events below are those of this message."),
        tag("ol", *looked_at, *rest, class_="rules"),
        versions.of(verdict),
        class_="why",
    )
    return tag("div", panel, id="why")


def _rule(rule: Rule) -> Html:
    return tag(
        "li",
        tag("span", MARKS[rule.mark], class_="mark", aria_hidden="true"),
        rule.says,
        tag("small", SAID[rule.mark]),
        class_=rule.mark,
    )


def _sent(name: str, decision: DecisionShown) -> list[Html]:
    return [tag("b", "sent")] if decision.outcome == name.lower() else []
