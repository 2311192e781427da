"""Every button drawn is listened to, and nothing is listened to that nobody draws."""

from urllib.parse import quote

import pytest
import yaml

from bot.recordings.posting import NoteKind
from bot.slack import cards
from bot.slack.actions import COMMAND, Action
from bot.slack.listeners import Listeners
from tests.contracts.test_manifest import ROOT
from tests.slack.test_cards import REASONS, buttons, note


class Registrations:
    """Stands where Bolt's app would and keeps what is handed to it, by kind."""

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = {}

    def __getattr__(self, kind: str):
        def register(name: str):
            self.heard.setdefault(kind, []).append(name)
            return lambda listener: listener

        return register


@pytest.fixture
def heard() -> dict[str, list[str]]:
    app = Registrations()
    Listeners(asking=None).register(app)
    return app.heard


def drawn() -> set[str]:
    messages = [
        cards.private_note(note(kind, reason))
        for kind in NoteKind
        for reason in REASONS.get(kind, [None])
    ]
    return {button["action_id"] for message in messages for button in buttons(message)}


def test_every_action_is_drawn_somewhere_and_everything_drawn_is_an_action():
    assert drawn() == {action.value for action in Action}


def test_every_action_has_exactly_one_listener(heard):
    assert sorted(heard["action"]) == sorted(action.value for action in Action)


def test_the_commands_listened_to_are_those_of_the_manifest(heard):
    manifest = yaml.safe_load((ROOT / "app_manifest.yml").read_text())
    declared = [each["command"] for each in manifest["features"]["slash_commands"]]
    assert sorted(heard["command"]) == sorted(declared)
    assert COMMAND in declared


def test_the_shortcuts_listened_to_are_those_of_the_manifest(heard):
    manifest = yaml.safe_load((ROOT / "app_manifest.yml").read_text())
    declared = [each["callback_id"] for each in manifest["features"].get("shortcuts", [])]
    assert sorted(heard.get("shortcut", [])) == sorted(declared)


@pytest.mark.parametrize("action", Action)
def test_an_action_is_a_plain_word(action):
    assert quote(action.value, safe="") == action.value
    assert len(action.value) <= 255
