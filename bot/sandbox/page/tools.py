"""The tools of the page: play the story, try a fault, use a recording of one's own."""

from collections.abc import Mapping
from typing import Final

from bot.sandbox.page.own_call import MOST_BYTES
from bot.sandbox.page.product import Scene
from bot.sandbox.page.scene import Viewpoint, fields_of
from bot.sandbox.page.trials import TRIALS, Story, TrialEnd
from bot.sandbox.render.markup import Html, join, tag

UNDER_WAY: Final = "… under way"
WHAT: Final = (
    "The bot is the real one; Slack and PolyAI are stand-ins on this machine.",
    "On the left you choose whom to act as: who is cleared may hear raw recordings, with all that",
    "callers said; everybody else hears them redacted. Here is what goes on behind it.",
)
STEPS: Final = (
    "As Analyst in #quality, send the command: everybody there is cleared.",
    "As Agent in #support, send it too, and play both. Press Why? beside each.",
    "Request access as Agent, and approve it as Admin in the direct messages.",
    "Back in #quality, type /invite @Guest: raw goes, and redacted takes its place.",
    "Verify the chain below, and alter an event with Throw a fault.",
)


def tools(results: Mapping[str, TrialEnd | None], story: Story, place: Viewpoint) -> Html:
    """Draw the story and the faults, with their results."""
    return tag("div", _story(story, place), _faults(results, place), id="tools")


def guide(*, is_open: bool) -> Html:
    """Draw what the page is, and what to try first."""
    summary = tag("summary", "What is this, and what to try")
    rows = [tag("li", step) for step in STEPS]
    opened = "" if is_open else None
    return tag(
        "details", summary, tag("p", " ".join(WHAT)), tag("ol", *rows), open=opened, id="guide"
    )


def own_recording() -> Html:
    """Draw the form for a WAV; it is never redrawn, so that a chosen file stays chosen."""
    limit = f"A WAV of at most {MOST_BYTES // 2**20} MB; it stays in this machine's memory."
    file = tag("input", type="file", name="file", accept=".wav,audio/wav", required="")
    spans = tag("input", type="text", name="mute", placeholder="1.5-3, 7-9", class_="field")
    form = tag(
        "form",
        tag("label", "Recording of the next call", file),
        tag("label", "Muted in its redacted version, in seconds", spans),
        tag("p", tag("button", "Use it", type="submit", class_="tool")),
        tag("small", limit),
        tag("p", id="own-told", role="status"),
        action="/recording",
        method="post",
        id="own",
    )
    return tag("details", tag("summary", "Use a recording of your own"), form, id="own-recording")


def _story(story: Story, place: Viewpoint) -> Html:
    rows = [
        tag("li", each.says, tag("small", each.came, " ", _verdict(each))) for each in story.scenes
    ]
    wrong = sum(not each.is_right for each in story.scenes)
    if story.is_running:
        end = [tag("p", tag("b", UNDER_WAY))]
    elif story.scenes:
        said = f"✕ {wrong} of {len(rows)} are not as the rules say"
        said = said if wrong else f"✓ All {len(rows)} are as the rules say"
        end = [tag("p", tag("b", said, class_="tick-no" if wrong else "tick-yes"))]
    else:
        end = []
    play = tag("button", "Play it", type="submit", class_="tool")
    about = "Each rule once, in these channels, held against what arrives byte for byte."
    form = tag(
        "form", *fields_of(place), play, " ", tag("small", about), action="/story", method="post"
    )
    is_open = "" if story.scenes or story.is_running else None
    summary = tag("summary", "Play the story of all rules")
    return tag("details", summary, form, tag("ol", *rows), *end, open=is_open, id="story")


def _verdict(end: Scene | TrialEnd) -> Html:
    if end.is_right:
        return tag("b", "✓ as the rules say", class_="tick-yes")
    return tag("b", "✕ not as the rules say", class_="tick-no")


def _faults(results: Mapping[str, TrialEnd | None], place: Viewpoint) -> Html:
    rows = []
    for trial in TRIALS:
        button = tag(
            "button", trial.label, type="submit", name="trial", value=trial.name, class_="tool"
        )
        ended = _ended(results[trial.name], place) if trial.name in results else []
        rows.append(tag("li", button, tag("small", trial.expects, " ", *ended)))
    form = tag("form", *fields_of(place), tag("ul", *rows), action="/trial", method="post")
    is_open = "" if results else None
    return tag("details", tag("summary", "Throw a fault"), form, open=is_open, id="trials")


def _ended(end: TrialEnd | None, place: Viewpoint) -> list[Html]:
    if end is None:
        return [tag("b", UNDER_WAY)]
    there = tag("a", f"see #{end.channel_name}", href=place.link(**{"in": end.channel_id}))
    return [_verdict(end), join(" · "), there]
