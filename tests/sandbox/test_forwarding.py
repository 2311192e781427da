"""Forwarded files: what Slack shows to whom, and what it refuses."""

import json

import pytest
from slack_sdk.signature import SignatureVerifier

from tests.sandbox.conftest import ARCHIVED, FOREIGN, PRIVATE, PUBLIC

OPEN, DM = "C0OPEN0001", "D0BETWEEN1"


@pytest.fixture
async def file_id(api, workspace):
    """A file in a private channel of the app's with Alice."""
    workspace.add_channel(OPEN, members=["U0ALICE"], is_private=True)
    workspace.add_channel(DM, members=["U0ALICE", "U0BOB"], is_im=True, bot_is_member=False)
    file_id = await api.uploaded()
    files = [{"id": file_id}]
    assert (await api("files.completeUploadExternal", files=files, channel_id=OPEN))["ok"]
    return file_id


async def info(api, file_id):
    return (await api("files.info", file=file_id))["file"]


async def test_a_forwarded_file_is_visible_and_listed_in_both_conversations(
    api, workspace, file_id
):
    before = await info(api, file_id)
    assert (before["is_public"], before["channels"], before["groups"]) == (False, [], [OPEN])

    message = workspace.forward(file_id, "U0ALICE", PUBLIC)

    told = await info(api, file_id)
    (share,) = told["shares"]["public"][PUBLIC]
    assert (share["ts"], share["share_user_id"]) == (message.ts, "U0ALICE")
    assert told["shares"]["private"] == before["shares"]["private"]
    assert (told["is_public"], told["channels"], told["groups"]) == (True, [PUBLIC], [OPEN])
    assert [f.id for f in workspace.visible_files(PUBLIC)] == [file_id]

    assert (await api("files.delete", file=file_id))["ok"]
    assert [workspace.visible_files(each) for each in (OPEN, PUBLIC)] == [[], []]


@pytest.mark.parametrize("place", [PRIVATE, DM])
async def test_a_conversation_without_the_app_is_left_out_unless_slack_lists_it(
    api, workspace, file_id, place
):
    workspace.forward(file_id, "U0ALICE", place)
    assert place not in json.dumps(await info(api, file_id))
    workspace.tells_unseen_shares = True
    assert place in (await info(api, file_id))["shares"]["private"]
    assert (await info(api, file_id))["ims"] == ([DM] if place == DM else [])
    assert (await api("conversations.info", channel=place))["error"] == "channel_not_found"


async def test_a_public_channel_is_listed_with_or_without_the_app(api, workspace, file_id):
    workspace.forward(file_id, "U0ALICE", FOREIGN)
    assert FOREIGN in (await info(api, file_id))["shares"]["public"]


@pytest.mark.parametrize(
    ("user", "place"),
    [
        pytest.param("U0BOB", PUBLIC, id="who cannot see it"),
        pytest.param("U0BOB", PRIVATE, id="who is not there"),
        pytest.param("U0ALICE", ARCHIVED, id="into an archived channel"),
    ],
)
async def test_a_file_is_forwarded_by_who_sees_it_to_where_they_may_post(
    workspace, file_id, user, place
):
    with pytest.raises(ValueError, match="U0"):
        workspace.forward(file_id, user, place)


async def test_a_deleted_file_cannot_be_forwarded(api, workspace, file_id):
    await api("files.delete", file=file_id)
    with pytest.raises(ValueError, match="sees no file"):
        workspace.forward(file_id, "U0ALICE", PUBLIC)


async def test_a_recipient_can_forward_the_file(workspace, file_id):
    workspace.forward(file_id, "U0ALICE", DM)
    workspace.forward(file_id, "U0BOB", PUBLIC)
    assert [f.id for f in workspace.visible_files(PUBLIC)] == [file_id]


async def test_a_channel_s_new_id_is_that_of_its_forwarded_files(workspace, file_id):
    workspace.forward(file_id, "U0ALICE", PUBLIC)
    workspace.change_channel_id(PUBLIC, "C0PUBLIC99")
    assert [f.id for f in workspace.visible_files("C0PUBLIC99")] == [file_id]


async def test_a_public_link_is_reported_and_its_url_exists_before(api, workspace, file_id):
    before = await info(api, file_id)
    assert before["public_url_shared"] is False
    workspace.publish_link(file_id, "U0ALICE")
    after = await info(api, file_id)
    assert after["public_url_shared"] is True
    assert after["permalink_public"] == before["permalink_public"]
    assert after["permalink_public"].startswith("https://slack-files.com/")


async def test_only_people_make_public_links_and_only_where_they_may(api, workspace, file_id):
    answer = await api("files.sharedPublicURL", file=file_id)
    assert answer["error"] == "not_allowed_token_type"
    with pytest.raises(ValueError, match="cannot publish"):
        workspace.publish_link(file_id, "U0BOB")
    workspace.allows_public_links = False
    with pytest.raises(ValueError, match="cannot publish"):
        workspace.publish_link(file_id, "U0ALICE")


async def test_the_events_are_signed_and_contain_only_ids(people, app, workspace, file_id):
    await people.forward_file("U0ALICE", file_id, PUBLIC)
    await people.publish_file("U0ALICE", file_id)
    await people.forward_file("U0ALICE", file_id, DM, sends_event=False)

    verifier = SignatureVerifier(workspace.signing_secret)
    assert all(verifier.is_valid_request(body, headers) for headers, body in app.got)
    events = [json.loads(body)["event"] for _, body in app.got]
    for each in events:
        assert each.pop("event_ts")
    about = {"file_id": file_id, "file": {"id": file_id}}
    assert events == [
        {"type": "file_shared", **about, "user_id": "U0ALICE", "channel_id": PUBLIC},
        {"type": "file_public", **about},
    ]
