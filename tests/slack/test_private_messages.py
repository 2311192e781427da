"""Private messages to admins, requesters and owners: a lost answer repeats none of them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace

import pytest

from bot.access_requests.request import AccessRequest, AccessState
from bot.recordings.redaction.canary_store import CanaryState, CanaryVerdict
from bot.recordings.redaction.check_store import Check, CheckCause
from bot.sandbox.faults import Fault
from bot.slack.access.gateway import SlackAccessGateway
from bot.slack.admin.gateway import AdminGateway
from bot.slack.digests.gateway import SlackDigestGateway
from bot.slack.web_api.api import SlackApi
from tests.access_requests.test_requests import new_request
from tests.conftest import NOON
from tests.digests.builders import digest
from tests.slack.conftest import ALICE

APPROVED = AccessRequest(
    **asdict(new_request(1, ALICE)),
    state=AccessState.APPROVED,
    requested_at=NOON,
    decided_by="U0BOSS000",
    decided_at=NOON,
)
CHECK = Check("T0CALLAUDIO", CheckCause.ASKED, "default", "CA0", asked_by=ALICE)
FROZEN = CanaryState(
    "CA0", "T0CALLAUDIO", NOON, CanaryVerdict.BROKEN, "span_heard", None, NOON, None
)
MESSAGES: dict[str, Callable[[SlackApi], Awaitable[object]]] = {
    "the outcome of a request": lambda api: SlackAccessGateway(api).notify(APPROVED),
    "the end of a grant": lambda api: SlackAccessGateway(api).warn(APPROVED, NOON),
    "a check of redaction": lambda api: AdminGateway(api).notify_checked(CHECK),
    "a freeze": lambda api: AdminGateway(api).warn_of_freeze(ALICE, FROZEN),
    "a paused digest": lambda api: SlackDigestGateway(api, None).notify_owner(
        replace(digest(), owner_id=ALICE), "the channel is archived"
    ),
}


@pytest.mark.parametrize("send", MESSAGES.values(), ids=MESSAGES)
async def test_a_message_whose_answer_is_lost_counts_as_shown(api, slack, workspace, send):
    slack.faults.add(Fault("chat.postMessage", when="after", drop_connection=True))

    assert await send(api) in (None, True)

    (dm,) = [each for each in workspace.channels if each.startswith("D")]
    assert len(workspace.messages(dm)) == 1
