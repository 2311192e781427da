"""What a delivery costs: the calls that Slack and PolyAI see, and the transactions of the store.

Slack allows about fifty ``conversations.info`` a minute, so this is how many people can be served.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from bot.store.due_work_kinds import DueWorkKind
from bot.store.sqlite_driver import BEGIN_READING, BEGIN_SHORT_READING
from tests.polling import until
from tests.scenarios.scene import ALICE, CHANNEL, Scene, Seen

DM = "D0ALICE00"
DECISION = {"conversations.info": 1, "users.info": 1, "conversations.members": 1}
OWN_DM_DECISION = {"conversations.info": 1, "users.info": 1}
DELIVERY = {
    "chat.postMessage": 1,
    "files.getUploadURLExternal": 2,
    "files.completeUploadExternal": 1,
    "files.info": 1,
    "chat.update": 1,
}
"""One upload URL for the recording, and one for its picture."""


def calls_of(decision: dict[str, int], times: int, rest: dict[str, int]) -> Counter[str]:
    return Counter({name: count * times for name, count in decision.items()}) + Counter(rest)


RAW = calls_of(DECISION, 2, DELIVERY)
ROWS = [
    pytest.param(CHANNEL, True, "", RAW, 2, id="raw"),
    pytest.param(CHANNEL, True, "redacted", RAW, 2, id="redacted, as was asked"),
    pytest.param(CHANNEL, False, "", RAW, 2, id="redacted, as the requester is not cleared"),
    pytest.param(DM, True, "", calls_of(OWN_DM_DECISION, 2, DELIVERY), 2, id="own messages"),
]


@pytest.mark.parametrize(("channel", "cleared", "words", "calls", "polyai"), ROWS)
async def test_a_delivery_makes_exactly_these_calls(scene, channel, cleared, words, calls, polyai):
    if channel == DM:
        scene.workspace.add_channel(DM, members=[ALICE], is_im=True)
    if cleared:
        await scene.grant()
    await ask(scene, channel, words)  # standings are cached afterwards

    made, asked = len(scene.workspace.calls), len(scene.polyai.requests)
    await ask(scene, channel, words)

    assert Counter(call.method for call in scene.workspace.calls[made:]) == calls
    assert len(scene.polyai.requests) - asked == polyai


async def test_a_refusal_costs_one_decision_and_no_request_to_polyai(scene):
    await ask(scene)
    scene.workspace.change_channel(CHANNEL, is_ext_shared=True)
    asked = len(scene.polyai.requests)
    made = len(scene.workspace.calls)

    seen = await ask(scene)

    assert seen.delivery.state == "refused"
    assert Counter(call.method for call in scene.workspace.calls[made:]) == Counter(DECISION)
    assert len(scene.polyai.requests) == asked


async def test_a_delivery_takes_exactly_these_transactions(scene):
    """The request, its claim, the decision, two for the card, the upload, the share, the end."""
    await scene.grant()
    await ask(scene)

    with counted(scene) as begun:
        await ask(scene)

    assert begun["write"] == 9


async def ask(scene: Scene, channel: str = CHANNEL, words: str = "") -> Seen:
    seen = await scene.ask(f"{scene.another_call()} {words}".strip(), channel=channel)

    async def is_over() -> bool:
        return await scene.due(DueWorkKind.DELIVER, seen.delivery.id) is None

    await until(is_over)  # work after the end is part of the cost
    return seen


@contextmanager
def counted(scene: Scene) -> Iterator[Counter[str]]:
    engine = scene.database.engine.sync_engine
    begun: Counter[str] = Counter()

    def begin(connection: Connection) -> None:
        begins = connection.get_execution_options().get("begin", BEGIN_READING)
        begun["read" if begins in {BEGIN_READING, BEGIN_SHORT_READING} else "write"] += 1

    event.listen(engine, "begin", begin)
    try:
        yield begun
    finally:
        event.remove(engine, "begin", begin)
