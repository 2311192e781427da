"""*Get call audio* on a message: found, confirmed, and delivered into that message's thread."""

import asyncio
from typing import Any

import pytest

from bot.access.grants import Effect
from bot.audit.log import AuditFilter, newest_events
from bot.cli.stage import AGENT_ID
from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.sandbox.faults import Fault
from bot.sandbox.objects import File, Message, View
from bot.slack.identifiers import Action, Input, ModalCallback
from bot.store.tables import DeliveryRow
from tests.polling import until
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, RAW_SPAN, Scene
from tests.tables import each_row

PRIVATE = "C0PRIVATE0"
UUID = "123e4567-e89b-12d3-a456-426614174000"
STRANGE = f"https://studio.eu.poly.ai/other/PROJECT-OTHER/conversations/{UUID}"


async def open_form(
    scene: Scene, message: Message, *, user: str = ALICE, expect: str = "You would"
) -> View:
    """Use the shortcut and wait until the modal is filled in."""
    before = set(scene.workspace.views)
    ack = await scene.people.message_shortcut(user, message.channel, message.ts)
    assert (ack.arrived, ack.text) == (True, "")
    (view_id,) = set(scene.workspace.views) - before
    return await shown(scene, view_id, expect)


async def shown(scene: Scene, view_id: str, words: str) -> View:
    def look() -> View | None:
        view = scene.workspace.views[view_id]
        return view if words in str(view.body["blocks"]) else None

    view = await until(look)
    assert problems(view.body["blocks"], "modal") == []
    return view


def chosen(
    *,
    call: str | None = None,
    typed: str | None = None,
    side: str = "combined",
    redacted: bool = False,
) -> dict[str, Any]:
    """Return the input of a person, as Slack sends it."""
    ticked = [{"value": "redacted"}] if redacted else []
    values: dict[str, Any] = {
        Input.DIRECTION: {"type": "static_select", "selected_option": {"value": side}},
        Action.CHOOSE_REDACTED: {"type": "checkboxes", "selected_options": ticked},
    }
    if call is not None:
        values[Action.CHOOSE_CALL] = {"type": "radio_buttons", "selected_option": {"value": call}}
    if typed is not None:
        values[Input.CONVERSATION] = {"type": "plain_text_input", "value": typed}
    return {str(name): {str(name): value} for name, value in values.items()}


async def submit(
    scene: Scene, view: View, *, user: str = ALICE, **filled: Any
) -> tuple[Ack, DeliveryRow]:
    ack = await scene.people.view_submission(user, view.id, chosen(**filled))
    assert ack.arrived
    return ack, await scene.ended(await scene.latest())


def files_in(scene: Scene, message: Message) -> list[File]:
    return scene.workspace.visible_recordings(message.channel, message.ts)


def inputs(view: View) -> list[str]:
    return [block["block_id"] for block in view.body["blocks"] if block["type"] == "input"]


def private(scene: Scene, user: str = ALICE) -> str:
    return "\n".join(e.text for e in scene.workspace.ephemerals if e.user == user)


async def tick_redacted(scene: Scene, view: View) -> None:
    """Choose *redacted* in the form."""
    box = {"type": "checkboxes", "action_id": Action.CHOOSE_REDACTED}
    await scene.people.choose(ALICE, view.id, box, chosen(redacted=True))


# ---- the main path


async def test_the_one_call_of_a_message_arrives_raw_in_its_thread(scene):
    await scene.grant()
    message = scene.workspace.say(CHANNEL, ALICE, f"Listen to {CALL}, please")

    view = await open_form(scene, message)
    text = str(view.body["blocks"])
    assert CALL in text
    assert f"You would get it *unredacted* in <#{CHANNEL}>." in text
    assert "after a new decision" in text
    assert inputs(view) == [Input.DIRECTION, Action.CHOOSE_REDACTED]
    assert view.body["callback_id"] == ModalCallback.GET_CALL_AUDIO
    assert scene.stage.polyai.requests
    assert [r for r in scene.polyai.requests if r.path.endswith("/audio")] == []

    ack, delivery = await submit(scene, view)

    assert ack.body["response_action"] == "update"
    assert f"Got it: I will post the recording of `{CALL}`" in str(
        scene.workspace.views[view.id].body
    )
    assert (delivery.state, delivery.outcome, delivery.source) == ("delivered", "raw", "shortcut")
    (file,) = files_in(scene, message)
    assert RAW_SPAN in file.content
    assert file.name == f"{CALL}-raw.wav"
    # Only the file was added, in the message's thread.
    assert {m.thread_ts for m in scene.everything_posted() if m.ts != message.ts} == {message.ts}
    assert scene.workspace.violations == []


async def test_the_modal_opens_at_once_and_is_filled_in_later(scene):
    message = scene.workspace.say(CHANNEL, ALICE, CALL)
    scene.slack.faults.add(Fault("conversations.info", delay_seconds=0.3))

    ack = await scene.people.message_shortcut(ALICE, CHANNEL, message.ts)
    (view,) = scene.workspace.views.values()
    assert ack.arrived
    assert "One moment" in str(view.body["blocks"])
    assert "submit" not in view.body
    await shown(scene, view.id, "You would get it")


async def test_a_form_that_slack_refuses_is_filled_in_later_or_shows_the_error(scene):
    message = scene.workspace.say(CHANNEL, ALICE, CALL)
    scene.slack.faults.add(Fault("views.update", error="internal_error"))
    assert "submit" in (await open_form(scene, message)).body

    scene.slack.faults.add(Fault("views.update", error="internal_error", times=4))
    view = await open_form(scene, message, expect="Slack did not answer clearly.")
    assert "Reference" in str(view.body["blocks"])
    assert "submit" not in view.body


async def test_side_and_redacted_follow_the_form(scene):
    await scene.grant()
    message = scene.workspace.say(CHANNEL, ALICE, CALL)

    view = await open_form(scene, message)
    await tick_redacted(scene, view)
    view = await shown(scene, view.id, "You would get it *redacted*, as requested.")
    _, delivery = await submit(scene, view, side="agent", redacted=True)

    assert (delivery.outcome, delivery.reason) == ("redacted", "asked")
    (file,) = files_in(scene, message)
    assert file.name == f"{CALL}-agent-redacted.wav"


async def test_several_calls_are_a_choice_and_the_preview_follows_it(scene):
    second = scene.another_call()
    message = scene.workspace.say(CHANNEL, ALICE, f"{CALL} or {second}?")

    view = await open_form(scene, message)
    (radio,) = [b for b in view.body["blocks"] if b.get("block_id") == Action.CHOOSE_CALL]
    labels = [each["text"]["text"] for each in radio["element"]["options"]]
    assert labels == [CALL, second]
    before = len(scene.polyai.requests)
    ack = await scene.people.choose(
        ALICE, view.id, {"type": "radio_buttons", "action_id": Action.CHOOSE_CALL}, chosen(call="1")
    )
    assert ack.arrived
    asked = await until(lambda: scene.polyai.requests[before:])
    assert second in asked[0].path

    _, delivery = await submit(scene, view, call="1")
    assert delivery.conversation_id == second
    assert [f.name for f in files_in(scene, message)] == [f"{second}-redacted.wav"]


async def test_without_a_call_in_the_message_one_is_typed_and_mistakes_are_reported_below(scene):
    message = scene.workspace.say(CHANNEL, ALICE, "Has anybody listened to it?")
    view = await open_form(scene, message)
    assert inputs(view)[0] == Input.CONVERSATION

    wrong = await scene.people.view_submission(ALICE, view.id, chosen(typed="<@U0BOB0000>"))
    assert wrong.body["response_action"] == "errors"
    assert "found no conversation" in wrong.body["errors"][Input.CONVERSATION]
    assert "Reference" in wrong.body["errors"][Input.CONVERSATION]
    assert await scene.deliveries() == []

    _, delivery = await submit(scene, view, typed=CALL)
    assert delivery.state == "delivered"
    assert len(files_in(scene, message)) == 1
    assert scene.workspace.violations == []


async def test_a_call_of_an_agent_that_is_not_configured_is_named_but_not_offered(scene):
    message = scene.workspace.say(CHANNEL, ALICE, f"<{STRANGE}|this> and {CALL}")
    view = await open_form(scene, message)
    text = str(view.body["blocks"])
    assert f"not configured here: `{UUID}`" in text
    assert Action.CHOOSE_CALL not in inputs(view)

    alone = scene.workspace.say(CHANNEL, ALICE, f"<{STRANGE}|this>")
    view = await open_form(scene, alone)
    assert f"not configured here: `{UUID}`" in str(view.body["blocks"])
    assert inputs(view)[0] == Input.CONVERSATION


async def test_on_the_bots_own_message_or_file_the_recording_goes_into_its_thread(scene):
    seen = await scene.ask()
    (parent,) = [m for m in seen.posted if m.thread_ts is None]
    (shared,) = [m for m in seen.posted if m.thread_ts]
    for message in (parent, shared):
        view = await open_form(scene, message)
        assert f"*Recording of `{CALL}`*" in str(view.body["blocks"])
    _, delivery = await submit(scene, view, side="user")
    assert (delivery.state, delivery.asked_thread_ts) == ("delivered", parent.ts)
    assert len(files_in(scene, parent)) == 2


async def test_text_of_message_and_caller_is_neither_rendered_nor_carried_in_the_form(scene):
    hostile = f"<!channel> `*{CALL}*` <https://evil.example|click> <@{BOB}> Private, 7946"
    message = scene.workspace.say(CHANNEL, ALICE, hostile)
    scene.polyai.add_call(CALL, agent_id=AGENT_ID, from_number="<!here>")

    view = await open_form(scene, message)

    text = str(view.body["blocks"])
    for word in ("<!here>", "<!channel>", "evil.example", f"<@{BOB}>", "Private", "7946"):
        assert word not in text
    carried = view.body["private_metadata"]
    assert len(carried) < 3000
    for word in (CHANNEL, message.ts):
        assert word in carried
    for secret in ("Private", "7946", "evil", "hooks", "commands/"):
        assert secret not in carried


# ---- the same form sent twice


async def test_a_form_sent_twice_is_one_recording(scene):
    message = scene.workspace.say(CHANNEL, ALICE, CALL)
    view = await open_form(scene, message)

    sent = [scene.people.view_submission(ALICE, view.id, chosen()) for _ in range(2)]
    assert all(ack.arrived for ack in await asyncio.gather(*sent))
    await scene.ended(await scene.latest())
    assert len(await scene.deliveries()) == 1
    assert len(files_in(scene, message)) == 1


async def test_a_form_sent_again_with_another_choice_is_a_new_request(scene):
    message = scene.workspace.say(CHANNEL, ALICE, f"{CALL} or {scene.another_call()}?")
    view = await open_form(scene, message)

    choices: list[dict[str, Any]] = [{"call": "0"}, {"call": "1"}, {"call": "1", "side": "user"}]
    for filled in (*choices, *choices):
        scene.workspace.views[view.id] = view  # as it stays when Slack got no answer in time
        await submit(scene, view, **filled)

    await scene.all_ended()
    assert len(await scene.deliveries()) == len(files_in(scene, message)) == 3


# ---- rights are decided again


async def end_right(scene: Scene) -> None:
    await scene.grant(effect=Effect.DENY)


async def share_channel(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_pending_ext_shared=True)


async def become_guest(scene: Scene) -> None:
    await scene.let_grants_expire()
    scene.workspace.change_user(ALICE, is_ultra_restricted=True)


@pytest.mark.parametrize(
    ("change", "outcome", "reason", "words"),
    [
        (end_right, "redacted", "not_cleared", "you are not cleared"),
        (share_channel, "refused", "external_destination", "another organisation"),
        (become_guest, "refused", "requester_not_allowed", "Only members of this workspace"),
    ],
)
async def test_what_changes_after_the_form_was_opened_counts(scene, change, outcome, reason, words):
    await scene.grant()
    message = scene.workspace.say(CHANNEL, ALICE, CALL)
    view = await open_form(scene, message)
    assert "*unredacted*" in str(view.body["blocks"])

    await change(scene)
    _, delivery = await submit(scene, view)

    assert (delivery.outcome, delivery.reason) == (outcome, reason)
    assert len(files_in(scene, message)) == (outcome == "redacted")
    assert all(RAW_SPAN not in file.content for file in scene.workspace.files)
    await until(lambda: words in private(scene))


# ---- refused at once, and audited


@each_row(
    ("person", "standing"),
    [("U0STRANGER", "is_stranger"), ("U0GUEST00", "is_restricted"), ("U0LEFT000", "deleted")],
)
async def test_a_person_who_may_not_request_is_refused_in_the_modal_and_audited(
    scene, person, standing
):
    scene.workspace.add_user(person, **{standing: True})
    scene.workspace.join(CHANNEL, person)
    message = scene.workspace.say(CHANNEL, ALICE, CALL)

    view = await open_form(scene, message, user=person, expect="You would not get")

    assert "Only members of this workspace" in str(view.body["blocks"])
    assert "submit" not in view.body
    assert scene.polyai.requests == []
    event = (await scene.events("policy:preview:refused"))[-1]
    assert event.actor_id == person
    assert event.payload["reason"] == "requester_not_allowed"
    assert event.payload["channel_id"] == CHANNEL
    assert event.team_id == scene.workspace.team_id
    reference = event.payload["reference"]
    assert f"Reference `{reference}`" in str(view.body["blocks"])
    async with scene.database.read() as session:
        (found,) = await newest_events(session, AuditFilter(delivery_id=reference), 10)
    assert found.id == event.id


@each_row(
    ("channel", "person", "words"),
    [(PRIVATE, ALICE, "/invite @callaudio"), (CHANNEL, BOB, "You are not in that conversation")],
)
async def test_nothing_is_offered_where_the_bot_or_the_person_is_no_member(
    scene, channel, person, words
):
    scene.workspace.add_channel(PRIVATE, members=[ALICE], is_private=True, bot_is_member=False)
    message = scene.workspace.say(channel, ALICE, CALL)

    view = await open_form(scene, message, user=person, expect=words)
    assert "Reference" in str(view.body["blocks"])
    assert "submit" not in view.body


async def test_the_bot_joins_a_public_channel(scene):
    scene.workspace.change_channel(CHANNEL, bot_is_member=False, is_private=False)
    await scene.grant()
    message = scene.workspace.say(CHANNEL, ALICE, CALL)

    view = await open_form(scene, message)
    assert "this is a public channel, and everybody" in str(view.body["blocks"])
    _, delivery = await submit(scene, view)

    assert (delivery.state, delivery.outcome) == ("delivered", "redacted")
    assert len(files_in(scene, message)) == 1


async def test_between_two_people_the_recording_goes_to_the_requesters_direct_messages(scene):
    await scene.grant()
    between = "D0BETWEEN0"
    scene.workspace.add_channel(between, members=[ALICE, BOB], is_im=True, bot_is_member=False)
    message = scene.workspace.say(between, ALICE, CALL)

    view = await open_form(scene, message)
    assert "direct messages with me instead" in str(view.body["blocks"])
    assert "*unredacted*" in str(view.body["blocks"])
    _, delivery = await submit(scene, view)

    assert (delivery.state, delivery.outcome) == ("delivered", "raw")
    assert delivery.asked_thread_ts is None
    own = f"D{ALICE[1:]}"
    assert delivery.destination_channel_id.startswith(own)
    assert scene.workspace.messages(between) == [message]


# ---- failures are shown


async def test_if_the_modal_cannot_be_opened_the_answer_is_an_ephemeral_message(scene):
    message = scene.workspace.say(CHANNEL, ALICE, CALL)
    scene.slack.faults.add(Fault("views.open", error="expired_trigger_id"))

    ack = await scene.people.message_shortcut(ALICE, CHANNEL, message.ts)

    assert ack.arrived
    assert "could not be opened in time" in private(scene)
    assert "Reference" in private(scene)


async def test_unavailable_facts_leave_the_form_usable(scene):
    scene.polyai.faults.add(Fault("conversation", status=500, times=9))
    message = scene.workspace.say(CHANNEL, ALICE, CALL)
    view = await open_form(scene, message)
    assert view.body["submit"]


# ---- Socket Mode


async def test_the_shortcut_works_over_socket_mode(new_scene):
    async with new_scene(over_socket=True) as scene:
        await scene.grant()
        message = scene.workspace.say(CHANNEL, ALICE, CALL)

        view = await open_form(scene, message)
        await tick_redacted(scene, view)
        view = await shown(scene, view.id, "as requested")
        _, delivery = await submit(scene, view)

        assert (delivery.state, delivery.outcome) == ("delivered", "raw")
        assert len(files_in(scene, message)) == 1
