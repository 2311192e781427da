"""The documents' pictures, each one function: people act on the running bot, and one of them looks.

To add a picture, write a function that takes the ``Story``, lets people do something
(``story.people`` has commands, shortcuts, presses, submissions and `home_opened`) and gives one of
the pages of ``tests.pictures.pages``; put it at the end of ``SCENES`` and run `make pictures`:

- a modal of a shortcut: ``story.people.message_shortcut(…)``, wait with ``until`` until the
  view in ``story.workspace.views`` is filled in, ``modal_page(view.body, reader)``;
- App Home: ``story.people.home_opened(…)``, wait for ``story.workspace.homes[user_id]``,
  ``home_page(home.body, reader)``;
- a digest: run it, wait for its message, ``channel_page`` with ``since=`` the time it began.

The clock stands still within a scene and moves on a little between two, so a new one at the end
changes none before it. What a scene leaves behind stays: a pending request for access, a grant.
"""

from collections.abc import Awaitable, Callable

from bot.sandbox.render.markup import Html
from bot.slack.identifiers import Input
from tests.pictures.demo_page import demo_page
from tests.pictures.pages import channel_page, home_page, modal_page, thread_page
from tests.pictures.story import ADMIN, AGENT, ANALYST, QUALITY, SUPPORT, Story
from tests.polling import until

BETWEEN_SCENES = 10
"""Minutes: few, so that no reminder of a request left behind comes into another picture."""

Scene = Callable[[Story], Awaitable[Html]]


async def thread(story: Story) -> Html:
    """A raw recording, where every listener is cleared."""
    delivery = await story.ask(ANALYST, QUALITY, story.call())
    return thread_page(story.workspace, QUALITY, delivery.parent_ts, story.reader(ANALYST))


async def redacted(story: Story) -> Html:
    """A redacted one, and what the person who asked is told privately."""
    began = story.workspace.next_ts()
    await story.ask(AGENT, SUPPORT, story.call())
    return channel_page(story.workspace, SUPPORT, story.reader(AGENT), since=began)


async def request_access(story: Story) -> Html:
    """The modal behind the button of that note."""
    await story.ask(AGENT, SUPPORT, story.call())
    view = await story.press_for_modal(AGENT, story.note_to(AGENT), "Request access")
    return modal_page(view.body, story.reader(AGENT))


async def approval(story: Story) -> Html:
    """What the admins are asked after it was sent."""
    began = story.workspace.next_ts()
    await story.ask(AGENT, SUPPORT, story.call())
    view = await story.press_for_modal(AGENT, story.note_to(AGENT), "Request access")
    reason = {"type": "plain_text_input", "value": "A caller disputes what was agreed on the phone"}
    hours = {"type": "static_select", "selected_option": {"value": "4"}}
    await story.people.view_submission(
        AGENT, view.id, {Input.REASON: {Input.REASON: reason}, Input.HOURS: {Input.HOURS: hours}}
    )
    channel_id = await until(lambda: _direct_messages(story, ADMIN))
    return channel_page(story.workspace, channel_id, story.reader(ADMIN), since=began)


async def get_call_audio(story: Story) -> Html:
    """The shortcut on a message that names a call: what would come, and why."""
    call = story.call()
    said = story.workspace.say(SUPPORT, ADMIN, f"Could somebody listen to {call}?")
    view = await story.shortcut_modal(AGENT, SUPPORT, said.ts)
    return modal_page(view.body, story.reader(AGENT))


async def app_home(story: Story) -> Html:
    """The Home of an admin with recordings, while somebody waits for access and a digest is due."""
    await story.clear(ADMIN, given_by=ANALYST)
    for channel_id in (SUPPORT, QUALITY):
        story.workspace.join(channel_id, ADMIN)
        await story.ask(ADMIN, channel_id, story.call())
        story.clock.move(minutes=1)
    await story.schedule("calls", "09:00 mon-fri")
    await story.people.home_opened(ADMIN)
    home = await until(lambda: story.home_with(ADMIN, "calls digest"))
    return home_page(home.body, story.reader(ADMIN))


async def digest_of_calls(story: Story) -> Html:
    """A day's calls, each of the notable ones one press away."""
    story.a_day_of_calls()
    return await _posted_digest(story, await story.schedule("calls", "10:00 every day"))


async def digest_of_access(story: Story) -> Html:
    """Who received what, and why not more."""
    return await _posted_digest(story, await story.schedule("access", "11:00 every day"))


async def redacted_thread(story: Story) -> Html:
    """A redacted recording, with where it is muted."""
    delivery = await story.ask(AGENT, SUPPORT, story.call())
    return thread_page(story.workspace, SUPPORT, delivery.parent_ts, story.reader(AGENT))


async def _posted_digest(story: Story, digest_id: str) -> Html:
    began = story.workspace.next_ts()
    message = await story.run_digest(digest_id)
    assert message.ts > began
    return channel_page(story.workspace, QUALITY, story.reader(ANALYST), since=began)


def _direct_messages(story: Story, user_id: str) -> str | None:
    """The conversation of somebody with the bot, once there is something in it."""
    for channel in story.workspace.channels.values():
        if channel.is_im and user_id in channel.members and story.workspace.messages(channel.id):
            return channel.id
    return None


SCENES: dict[str, Scene] = {
    "thread": thread,
    "redacted": redacted,
    "request_access": request_access,
    "approval": approval,
    "get_call_audio": get_call_audio,
    "app_home": app_home,
    "digest_of_calls": digest_of_calls,
    "digest_of_access": digest_of_access,
    "redacted_thread": redacted_thread,
    "demo_page": demo_page,
}


async def tell(story: Story) -> dict[str, Html]:
    """Every scene's page, by the name of its picture."""
    pages = {}
    for name, scene in SCENES.items():
        pages[name] = await scene(story)
        story.clock.move(minutes=BETWEEN_SCENES)
    return pages
