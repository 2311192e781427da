"""Explains a decision: a sentence, the result of each rule, and both versions to compare."""

from typing import Final

from bot.sandbox.page.product import DecisionShown, Rule
from bot.sandbox.page.versions import Versions
from bot.sandbox.render.markup import Html, tag
from bot.sandbox.render.reader import Reader

MARKS: Final = {"passed": "✓", "applies": "➜", "unasked": "·"}
SAID: Final = {"passed": "", "applies": " decides", "unasked": ""}


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
