"""Both sides of a call or one, in each region, of one agent among several."""

import json

import pytest

from bot.cli.stage import AGENT_ID
from bot.sandbox import recordings
from tests.scenarios.scene import CALL, RAW_SPAN, assert_failed, assert_raw

SALES = "PROJECT-SALES"
SALES_KEY, SALES_RAW_KEY = "PlainKeyOfSales0123456789abcdef", "RawKeyOfSales0123456789abcdefgh"
EMEA_KEY = "PlainKeyOfEmea0123456789abcdefg"
AGENTS = {
    "POLYAI_AGENTS": json.dumps(
        {
            "sales": {
                "agent_id": SALES,
                "region": "us",
                "api_key": SALES_KEY,
                "pii_api_key": SALES_RAW_KEY,
            },
            "emea": {"agent_id": AGENT_ID, "region": "eu", "api_key": EMEA_KEY},
        }
    )
}


async def test_each_side_is_a_file_with_its_own_name(scene, subtests):
    await scene.grant()
    for direction, said in (("combined", "both sides"), ("user", "caller"), ("agent", "agent")):
        for outcome in ("raw", "redacted"):
            with subtests.test(f"{direction} {outcome}"):
                call = scene.another_call()
                words = f" {outcome}" if outcome == "redacted" else ""

                seen = await scene.ask(f"{call} {direction}{words}")

                redacted = outcome == "redacted"
                assert seen.file.content == recordings.load(direction, redacted=redacted)
                side = "" if direction == "combined" else f"-{direction}"
                assert seen.file.name == f"{call}{side}-{outcome}.wav"
                assert said in str(seen.posted[0].blocks)
                assert {r.query["direction"] for r in seen.audio_requests} == {direction}
                if redacted:
                    assert RAW_SPAN not in seen.file.content
                    span = recordings.raw_span(direction)
                    assert not span or span not in seen.file.content


@pytest.mark.parametrize("region", ["eu", "studio"])
async def test_every_region_delivers_and_refuses_the_key_of_another(new_scene, region):
    async with new_scene(region=region) as scene:
        await scene.grant()
        host = "studio.poly.ai" if region == "studio" else f"studio.{region}.poly.ai"
        call = scene.another_call()
        seen = await scene.ask(f"<https://{host}/acme/{AGENT_ID}/conversations/{call}>")
        assert_raw(seen, call)

        for key, entry in list(scene.polyai.keys.items()):
            scene.polyai.add_key(key, pii=entry.pii, region="us")
        seen = await scene.ask(scene.another_call())
        assert_failed(
            seen,
            "polyai_key_rejected",
            "did not accept the API key",
            "key of another region",
            "`POLYAI_REGION`",
        )
        assert [r.status for r in seen.audio_requests] == [401]  # not retried


async def test_agents_are_chosen_by_name_or_link_and_use_their_own_keys(new_scene, subtests):
    async with new_scene(environment=AGENTS) as scene:
        await scene.grant()
        for key in (SALES_KEY, EMEA_KEY):
            scene.polyai.add_key(key, agents=[SALES if key == SALES_KEY else AGENT_ID])
        scene.polyai.add_key(SALES_RAW_KEY, pii=True, agents=[SALES])
        studio = "https://studio.{}.poly.ai/acme/{}/conversations/{}"
        chosen = (
            # what is typed, the agent's name, its id, the outcome
            ("sales:{call}", "sales", SALES, "raw"),
            ("sales:{call} redacted", "sales", SALES, "redacted"),
            ("emea:{call}", "emea", AGENT_ID, "redacted"),  # it has no raw key
            (f"<{studio.format('us', AGENT_ID, '{call}')}|call>", "default", AGENT_ID, "raw"),
            (f"{studio.format('eu', AGENT_ID, '{call}')}", "emea", AGENT_ID, "redacted"),
        )
        for typed, name, agent_id, outcome in chosen:
            with subtests.test(typed):
                call = scene.another_call(agent_id=agent_id)

                seen = await scene.ask(typed.format(call=call))

                assert (seen.delivery.agent_name, seen.delivery.outcome) == (name, outcome)
                assert seen.file.name == f"{call}-{outcome}.wav"
                assert {r.path.split("/")[3] for r in seen.requests} == {agent_id}
                assert {r.status for r in seen.requests} == {200}
                assert (RAW_SPAN in seen.file.content) is (outcome == "raw")
                if name == "emea":
                    assert "this agent has no key for unredacted recordings" in seen.note.text


async def test_an_agent_that_is_not_configured_is_reported_before_any_request(new_scene, subtests):
    async with new_scene(environment=AGENTS) as scene:
        await scene.grant()
        studio = "https://studio.{}.poly.ai/acme/{}/conversations/" + CALL
        refused = {
            f"support:{CALL}": "No agent of the name `support` is configured",
            f"<{studio.format('us', 'PROJECT-UNKNOWN')}>": "not configured here",
            f"<{studio.format('uk', AGENT_ID)}>": "not configured here",
            f"<{studio.format('eu', SALES)}>": "not configured here",
            # A link chooses among configured agents; it never names a host that would get a key.
            f"<https://poly.ai.evil.example/acme/{AGENT_ID}/conversations/{CALL}>": (
                "does not lead to PolyAI"
            ),
        }
        for typed, said in refused.items():
            with subtests.test(typed):
                ack = await scene.people.command("U0ALICE00", "C0QUALITY0", typed)
                assert said in ack.text
                assert ack.body["response_type"] == "ephemeral"
        assert "`emea`, `sales`" in scene.workspace.ephemerals[0].text
        assert await scene.deliveries() == []
        assert scene.polyai.requests == []
        assert scene.everything_posted() == []
