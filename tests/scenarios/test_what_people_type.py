"""What can follow `/callaudio`, and the private answer to it."""

from bot.cli.stage import AGENT_ID
from bot.sandbox.delivery import Ack
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene, assert_redacted

OTHER = "C0OTHER000"
LINK = f"https://studio.us.poly.ai/acme/{AGENT_ID}/conversations"


def assert_private(ack: Ack, scene: Scene) -> None:
    """Slack publishes what was typed when an ack says `in_channel`."""
    assert ack.status == 200
    assert ack.arrived
    assert ack.body["response_type"] == "ephemeral"
    assert set(ack.body) <= {"response_type", "text"}
    assert scene.workspace.messages(CHANNEL) == []


async def test_an_empty_command_and_help_show_the_help(scene, subtests):
    for typed in ("", "   ", "help", "HELP", " help? ", "\u200b"):
        with subtests.test(repr(typed)):
            ack = await scene.people.command(BOB, CHANNEL, typed)
            assert_private(ack, scene)
            for word in ("`/callaudio CA…`", "`user`", "`redacted`", "sales:CA…"):
                assert word in ack.text
    assert await scene.deliveries() == []


async def test_unreadable_input_is_answered_with_a_fix(scene, subtests):
    scene.workspace.add_channel(OTHER, members=[ALICE])
    typed = {
        # a word too many, or an unknown one
        # Each mistake is a row of tests/slack/recordings/test_command_text.py and of
        # tests/recordings/references/test_reference.py.
        f"{CALL} redcated": ("I do not know the word `redcated`", "Did you mean `redacted`?"),
        f"{CALL} raw": ("`raw` cannot be requested", "Leave it out"),
        f"{CALL} {OTHER} {CHANNEL}": ("More than one channel is named",),
        f"{CALL} user agent": ("More than one side of the call is named", "`combined`"),
        f"{CALL} <!channel>": ("not to people",),  # never a mention
        f"{CALL} {'x' * 500}": (f"`{'x' * 60}`",),
        # a channel that Slack did not turn into an id
        f"{CALL} #general": ("which channel `#general` is", "Choose the channel from the list"),
        # no conversation in the first place
        f"<#{OTHER}|other> redacted": ("No conversation was given", "missing"),
        f"<@{BOB}|bob>": ("found no conversation", "a person"),
        "<tel:+441234567890|+44 1234 567890>": ("may be a personal number", "I keep none of it"),
        f"{CALL} 4111 1111 1111 1111": ("may be a personal number",),
        "GB82 WEST 1234 5698 7654 32": ("may be a personal number",),
        "078-05-1120 redacted": ("may be a personal number",),
        CALL[:20]: ("may be a personal number", "the id was cut off"),
        "<" * 5000: ("too long",),
        "<https://example.com/CA1>": ("does not lead to PolyAI", "Agent Studio"),
        f"<{LINK}>": ("not to one conversation", "Open the conversation itself"),
        f"<{LINK}/%7BconversationId%7D>": ("placeholder",),
    }
    for text, words in typed.items():
        with subtests.test(text[:60]):
            ack = await scene.people.command(ALICE, CHANNEL, text)
            assert_private(ack, scene)
            for word in words:
                assert word in ack.text
            assert "*What to do:*" in ack.text
            assert "Reference `" in ack.text
            for number in ("1234", "4111", "WEST", "1120"):
                assert number not in ack.text
            assert "<!" not in ack.text
    assert await scene.deliveries() == []
    assert await scene.all_audit() == []
    assert scene.polyai.requests == []
    assert scene.everything_posted() == []


async def test_words_are_accepted_in_any_order_and_case(scene, subtests):
    scene.workspace.add_channel(OTHER, members=[ALICE])
    # Every order, case and mark is a row of tests/slack/recordings/test_command_text.py.
    typed = {
        "{call}": (CHANNEL, "combined", False),
        f"{{call}} redacted user {OTHER}": (OTHER, "user", True),
        f"caller, in <#{OTHER}|other channel>: {{call}}": (OTHER, "user", False),
        "\u200bid: {call} — redacted": (CHANNEL, "combined", True),
    }
    for text, meant in typed.items():
        with subtests.test(text):
            call = scene.another_call()
            seen = await scene.ask(text.format(call=call))
            got = seen.delivery
            assert (got.asked_channel_id, got.direction, got.asked_redacted) == meant
            assert (
                seen.ack.text
                == f"Got it: I will post the recording of `{call}` in a message of its own."
            )
            assert seen.ack.body["response_type"] == "ephemeral"
            assert got.state == "delivered"


async def test_a_conversation_is_accepted_as_id_or_as_any_copied_link(scene, subtests):
    # Every form is a row of tests/recordings/references/test_reference.py.
    forms = (
        "“{call}”,",
        f"<{LINK}/voice/{{call}}?from=1&amp;to=2#top|the call of this morning>",
        f"<{LINK}?conversationId={{call}}&amp;tab=audio>",
    )
    for form in forms:
        with subtests.test(form):
            call = scene.another_call()
            seen = await scene.ask(f"{form.format(call=call)} redacted")
            assert_redacted(seen, "asked", call)
    with subtests.test("ids are opaque, and keep their case"):
        call = "AS_CHAT_0b5e1a3c-0000-4000-8000-00000000ABCD"
        scene.call(call)
        assert_redacted(await scene.ask(f"{call} redacted"), "asked", call)
