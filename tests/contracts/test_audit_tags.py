"""The audit vocabulary that readers of the log filter by."""

import re
from dataclasses import FrozenInstanceError

import pytest

from bot.audit.events import SYSTEM_ACTOR, AuditTag
from bot.store.tables import AuditEventRow
from tests.audit.test_audit_log import EVENT
from tests.tables import each_row

SOURCES = {"slack", "policy", "worker", "admin", "digest", "retention"}
# Stored values stay; their old words are not used in the code.
RENAMED = {"delivery_untold": "notification_failed"}
SLACK_USER = re.compile(r"[UW][A-Z0-9]+")


@each_row("tag", AuditTag)
def test_a_tag_reads_source_subject_action(tag):
    assert re.fullmatch(r"[a-z]+:[a-z_]+:[a-z_]+", tag.value)
    assert tag.value.split(":")[0] in SOURCES
    # The name is the last two parts, so that code and log are found by the same word.
    in_log = "_".join(tag.value.split(":")[1:])
    assert tag.name.lower() == RENAMED.get(in_log, in_log)


@each_row("tag", AuditTag)
def test_a_tag_fits_its_column(tag):
    assert len(tag.value) <= AuditEventRow.__table__.c.tag.type.length


def test_actions_of_the_bot_and_of_people_are_distinguished():
    assert not SLACK_USER.fullmatch(SYSTEM_ACTOR)


def test_an_event_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        EVENT.actor_id = "U0OTHER00"
