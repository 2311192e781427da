"""Where a press happened and what a form requests, read from Slack's payload."""

from bot.slack.payloads import (
    requester_of_action,
    requester_of_submission,
    submission_id_of,
    thread_of,
)
from tests.tables import each_row


@each_row(
    ("body", "thread_ts"),
    [
        ({"message": {"ts": "2.0"}, "container": {"message_ts": "2.0"}}, "2.0"),
        ({"message": {"ts": "2.0", "thread_ts": "1.0"}}, "1.0"),
        ({"container": {"message_ts": "2.0", "thread_ts": "1.0"}, "message": {"ts": "2.0"}}, "1.0"),
        ({"container": {"message_ts": "2.0"}}, "2.0"),
        ({"container": {"view_id": "V1"}}, None),
        ({}, None),
    ],
)
def test_the_thread_of_a_press_is_the_thread_of_its_message(body, thread_ts):
    assert thread_of(body) == thread_ts


def test_a_press_without_channel_and_team_is_read_from_its_other_fields():
    body = {"user": {"id": "U0ALICE00"}, "team": {"id": "T0CALLAUDIO"}, "channel": None}
    requester = requester_of_action({**body, "enterprise": None}, {"action_ts": "1.0"})
    assert (requester.actor.team_id, requester.actor.enterprise_id) == ("T0CALLAUDIO", None)
    assert (requester.channel_id, requester.trigger_id) == ("U0ALICE00", "1.0")


FORM = {"id": "V0FORM0000"}


def test_the_same_form_with_the_same_choices_is_the_same_request():
    assert submission_id_of(FORM, "CA1", True) == submission_id_of(dict(FORM), "CA1", True)


@each_row(
    ("view", "choices"),
    [
        ({"id": "V0OTHER000"}, ("CA1", "both", False)),
        (FORM, ("CA2", "both", False)),
        (FORM, ("CA1", "user", False)),
        (FORM, ("CA1", "both", True)),
        (FORM, ("CA1", "both")),
        (FORM, ("CA1both", "", False)),
        (FORM, ("CA1", None, False)),
    ],
)
def test_another_form_or_another_choice_is_another_request(view, choices):
    assert submission_id_of(view, *choices) != submission_id_of(FORM, "CA1", "both", False)


def test_the_fingerprint_of_a_form_is_short_and_does_not_reveal_it():
    name = submission_id_of(FORM, "Because Mrs Private of +44 20 7946 0123 asked. " * 100)
    assert len(name) <= 64
    assert name.isalnum()
    assert "Private" not in name


def test_the_trigger_of_a_form_depends_on_its_choices():
    body = {"user": {"id": "U0ALICE00", "team_id": "T0CALLAUDIO"}}
    requester = requester_of_submission(body, FORM, "C0QUALITY0", "CA1", None)
    assert (requester.actor.user_id, requester.channel_id) == ("U0ALICE00", "C0QUALITY0")
    assert requester.trigger_id == submission_id_of(FORM, "CA1", None)
    assert requester.response_url is None
