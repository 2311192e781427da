"""Requests that differ in some fields, those of the requester and the actor included."""

from dataclasses import fields, replace
from typing import Any

from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.new_request import NewRequest


def changed_requester(requester: Requester, **changes: Any) -> Requester:
    """Change a requester, or the actor in it."""
    own = {name for name in changes if name in ("channel_id", "trigger_id", "response_url")}
    actor = replace(requester.actor, **{name: changes[name] for name in changes.keys() - own})
    return replace(requester, actor=actor, **{name: changes[name] for name in own})


def changed_request(request: NewRequest, **changes: Any) -> NewRequest:
    """Change a request; ``origin_channel_id`` is where the requester is."""
    own = changes.keys() & {each.name for each in fields(NewRequest)}
    of_requester = {
        "channel_id" if name == "origin_channel_id" else name: changes[name]
        for name in changes.keys() - own
    }
    requester = changed_requester(request.requester, **of_requester)
    return replace(request, requester=requester, **{name: changes[name] for name in own})
