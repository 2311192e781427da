import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.slack.web_api.scopes import REQUIRED, WITHOUT

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT.parent / "shared/facts/slack-manifest.schema.json"
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "app_manifest.yml").read_text())
BOT_SCOPES: list[str] = MANIFEST["oauth_config"]["scopes"]["bot"]
OPTIONAL_SCOPES: list[str] = MANIFEST["oauth_config"]["scopes"]["bot_optional"]

CONVERSATIONS_READ = frozenset({"channels:read", "groups:read", "im:read", "mpim:read"})
HISTORY = frozenset({"channels:history", "groups:history"})
SCOPES: dict[str, frozenset[str]] = {
    "apps.connections.open": frozenset(),  # the app-level token's own scope, in no manifest
    "auth.test": frozenset(),
    "chat.delete": frozenset({"chat:write"}),
    "chat.getPermalink": frozenset(),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.history": HISTORY,
    "conversations.info": CONVERSATIONS_READ,
    "conversations.join": frozenset({"channels:join"}),
    "conversations.list": CONVERSATIONS_READ,
    "conversations.members": CONVERSATIONS_READ,
    "conversations.open": frozenset({"im:write"}),
    "conversations.replies": HISTORY,
    "files.completeUploadExternal": frozenset({"files:write"}),
    "files.delete": frozenset({"files:write"}),
    "files.getUploadURLExternal": frozenset({"files:write"}),
    "files.info": frozenset({"files:read"}),
    "team.info": frozenset({"team:read"}),
    "usergroups.list": frozenset({"usergroups:read"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.info": frozenset({"users:read"}),
    "users.list": frozenset({"users:read"}),
    "views.open": frozenset(),
    "views.publish": frozenset(),
    "views.push": frozenset(),
    "views.update": frozenset(),
}
FAMILIES = (
    "admin|api|apps|auth|bookmarks|bots|calls|canvases|chat|conversations|dialog|dnd|emoji|files"
    "|lists|oauth|pins|reactions|reminders|rtm|search|stars|team|usergroups|users|views"
)
METHOD = re.compile(rf"(?:{FAMILIES})(?:\.[a-z][A-Za-z]+)+")
AS_CALL = {method.replace(".", "_"): method for method in SCOPES}


@cache
def used_methods() -> dict[str, str]:
    """Every Web API method named in bot/slack, with one place that names it."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "bot/slack").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value if METHOD.fullmatch(node.value) else None
            elif isinstance(node, ast.Attribute):  # client.chat_postMessage
                name = AS_CALL.get(node.attr)
            if name:
                found[name] = f"{path.name}:{node.lineno}"
    return found


def test_the_manifest_matches_slacks_schema():
    if not SCHEMA.exists():
        pytest.skip("Slack's manifest schema is not next to this checkout")
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(MANIFEST)] == []


def test_without_socket_mode_every_url_is_the_one_endpoint():
    assert MANIFEST["settings"]["socket_mode_enabled"] is False
    urls = [command["url"] for command in MANIFEST["features"]["slash_commands"]]
    urls.append(MANIFEST["settings"]["interactivity"]["request_url"])
    urls.append(MANIFEST["settings"]["event_subscriptions"]["request_url"])
    assert set(urls) == {"https://YOUR-HOST/slack/events"}


def test_the_commands_are_those_of_the_contract():
    command, admin_command = MANIFEST["features"]["slash_commands"]
    assert command["command"] == "/callaudio"
    assert command["usage_hint"] == "<conversation> [#channel] [combined|user|agent] [redacted]"
    assert command["should_escape"] is True
    assert admin_command["command"] == "/callaudio-admin"
    assert admin_command["usage_hint"] == (
        "grant|deny|revoke @user pii … | list | who @user | explain … | digest … | help"
    )
    assert admin_command["should_escape"] is True


def test_the_shortcut_is_that_of_the_contract():
    (shortcut,) = [s for s in MANIFEST["features"]["shortcuts"] if s["type"] == "message"]
    assert (shortcut["name"], shortcut["callback_id"]) == ("Get call audio", "get_call_audio")


def test_the_home_tab_and_direct_messages_are_enabled():
    home = MANIFEST["features"]["app_home"]
    assert home["home_tab_enabled"] is True
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False


def test_token_rotation_and_org_deployment_are_off():
    assert MANIFEST["settings"]["token_rotation_enabled"] is False
    assert MANIFEST["settings"]["org_deploy_enabled"] is False


def test_optional_scopes_are_among_the_scopes():
    assert set(OPTIONAL_SCOPES) <= set(BOT_SCOPES)
    for scopes in (OPTIONAL_SCOPES, BOT_SCOPES):
        assert len(set(scopes)) == len(scopes)


def test_the_scopes_that_the_doctor_asks_for_are_the_manifest_s():
    assert set(OPTIONAL_SCOPES) == set(WITHOUT)
    assert set(BOT_SCOPES) == REQUIRED | set(WITHOUT)


def test_the_history_scopes_are_optional():
    history = {scope for scope in BOT_SCOPES if scope.endswith(":history")}
    assert history <= set(OPTIONAL_SCOPES)


def test_every_scope_has_its_reason_on_the_same_line():
    lines = (ROOT / "app_manifest.yml").read_text().splitlines()
    scopes = [line for line in lines if re.match(r"\s+- [a-z]+(:[a-z.]+)?(\s|$)", line)]
    assert len(scopes) > 10
    assert [line for line in scopes if not re.search(r"  # \S", line)] == []


def test_every_method_has_a_known_scope():
    unknown = {name: place for name, place in used_methods().items() if name not in SCOPES}
    assert unknown == {}, "add them to SCOPES, with the scopes Slack's reference names"


def test_every_method_used_has_its_scopes():
    missing = {
        name: lacking
        for name in used_methods()
        if (lacking := SCOPES.get(name, frozenset()) - set(BOT_SCOPES))
    }
    assert missing == {}


def test_every_scope_is_needed():
    needed = {"commands"}.union(*(SCOPES.get(name, frozenset()) for name in used_methods()))
    assert set(BOT_SCOPES) - needed == set()
