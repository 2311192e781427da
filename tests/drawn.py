"""The parts of messages and views that send a request when used (docs: "Block Kit")."""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.sandbox.workspace import Workspace
from bot.slack.identifiers import Action, ModalCallback


def dispatched(blocks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The action of every element that sends its use at once, each as often as it is drawn."""
    found: list[str] = []
    for block in blocks:
        if block["type"] == "actions":
            found += [element["action_id"] for element in block["elements"]]
        if "accessory" in block:
            found.append(block["accessory"]["action_id"])
        if block.get("dispatch_action"):
            found.append(block["element"]["action_id"])
    return found


def unheard(workspace: Workspace) -> set[str]:
    """Visible elements without a listener."""
    views = [view.body for view in (*workspace.views.values(), *workspace.homes.values())]
    messages = [each for said in workspace.timeline.values() for each in said.values()]
    shown = [
        *(view["blocks"] for view in views),
        *(each.blocks for each in (*messages, *workspace.ephemerals)),
    ]
    sent = {action for blocks in shown for action in dispatched(blocks)}
    forms = {str(view.get("callback_id")) for view in views if view.get("submit")}
    return (sent - set(Action)) | (forms - set(ModalCallback))
