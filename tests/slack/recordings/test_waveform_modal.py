"""The modal of *Waveform* uses the words of the cards."""

import pytest

from bot.recordings.lookups.waveform_viewer import WaveformShown
from bot.sandbox.block_limits import problems
from bot.slack.recordings import waveform_modal


@pytest.mark.parametrize(("outcome", "word"), [("raw", "unredacted"), ("redacted", "redacted")])
def test_the_modal_calls_the_variant_redacted_or_unredacted(outcome, word):
    view = waveform_modal.view(WaveformShown("CA0", outcome, "F0PICTURE0", 9.0, None))
    assert problems(view["blocks"], "modal") == []
    heading, picture = view["blocks"]
    assert heading["text"]["text"] == f"`CA0` · *{word}* · 0:09"
    assert picture["alt_text"] == f"Waveform of the {word} recording"
