"""PolyAI's table of keys and parameters, for the requests that the bot can make.

| key has PII access | `redacted` sent | what comes |
|---|---|---|
| yes | `false` | raw |
| yes | `true` | redacted |
| no | `true` | redacted |
| no | `false` | redacted, silently |

The bot is set up for the first and the third row; the other two follow from swapped keys. The bot
never omits the parameter, which with a PII key would mean raw.
"""

import pytest

from bot.cli.stage import PLAIN_KEY, RAW_KEY
from bot.sandbox import recordings
from tests.scenarios.scene import RAW_SPAN

REDACTED = recordings.load("combined", redacted=True)


async def test_each_outcome_is_ensured_by_key_and_parameter_together(scene, subtests):
    await scene.grant()
    region = scene.polyai.region
    rows = (
        # set up, outcome, key sent, parameter sent, raw arrives
        ("as documented", "raw", "raw", "false", True),
        ("as documented", "redacted", "plain", "true", False),
        ("the plain key has PII access", "redacted", "raw", "true", False),
        ("the raw key has no PII access", "raw", "plain", "false", False),
    )
    for set_up, outcome, key_kind, parameter, arrives_raw in rows:
        with subtests.test(f"{set_up}: {outcome}"):
            scene.polyai.add_key(PLAIN_KEY, pii="plain key has" in set_up, region=region)
            scene.polyai.add_key(RAW_KEY, pii="raw key has no" not in set_up, region=region)
            call = scene.another_call()

            seen = await scene.ask(f"{call} redacted" if outcome == "redacted" else call)

            assert seen.delivery.outcome == outcome
            assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {
                (key_kind, parameter)
            }
            assert (RAW_SPAN in seen.file.content) is arrives_raw
            assert (seen.file.content == REDACTED) is not arrives_raw
            # The file name shows the decision, so that redacted is not mistaken for raw.
            assert seen.file.name == f"{call}-{outcome}.wav"


async def test_swapped_keys_are_refused_at_startup(new_scene):
    with pytest.raises(Exception, match="the plain key must be one without PII access"):
        async with new_scene(environment={"POLYAI_PII_API_KEY": PLAIN_KEY}):
            pass
