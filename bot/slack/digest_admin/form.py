"""The form in which an admin schedules a digest, and its confirmation."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.digests.digest import DigestKind
from bot.digests.digest_draft import (
    LONGEST_TIMETABLE,
    DigestPreview,
    Draft,
    new_draft_id,
    usual_agent,
)
from bot.slack.blocks import Block, View, button, context, field, modal, option, plain, section
from bot.slack.digest_admin import replies
from bot.slack.digest_admin.drafts import pack
from bot.slack.identifiers import Action, Input, ModalCallback
from bot.slack.payloads import chosen, field_of

KINDS = {DigestKind.CALLS: "Calls of an agent", DigestKind.ACCESS: "Access to recordings"}
TITLE = "New digest"
MAX_AGENTS = 100
LONGEST_ZONE = 64


def add_button() -> Block:
    """The button that opens the form; App Home shows it to admins."""
    return button(Action.ADD_DIGEST, "Add a digest", "new")


def form(agents: Sequence[str]) -> View:
    """The empty form."""
    kinds = [option(label, kind.value) for kind, label in KINDS.items()]
    # Slack's limits for a menu: 100 options of 75 characters.
    names = [option(name[:75], name) for name in agents[:MAX_AGENTS]]
    return modal(
        TITLE,
        [
            field(Input.KIND, "What should it report?", _menu(kinds)),
            field(
                Input.CHANNEL,
                "In which channel?",
                {
                    "type": "conversations_select",
                    "filter": {
                        "include": ["public", "private"],
                        "exclude_external_shared_channels": True,
                    },
                },
            ),
            field(
                Input.TIMETABLE,
                "When?",
                _text("09:00 mon-fri", LONGEST_TIMETABLE),
                hint=plain("A time and days, such as 09:00 mon-fri, or five fields of cron."),
            ),
            field(Input.ZONE, "In which time zone?", _text("Europe/London", LONGEST_ZONE)),
            field(Input.AGENT, "Of which agent?", _menu(names), optional=True),
        ],
        close="Cancel",
        submit=plain("Continue"),
        callback_id=ModalCallback.ADD_DIGEST.value,
    )


def draft_of(view: Mapping[str, Any]) -> Draft:
    """Read the filled-in form."""
    is_of_access = chosen(field_of(view, Input.KIND)) == DigestKind.ACCESS
    kind = DigestKind.ACCESS if is_of_access else DigestKind.CALLS
    agent = chosen(field_of(view, Input.AGENT))
    # A digest of access covers all agents, so the agent chosen in the menu is ignored.
    named = agent if agent and kind is DigestKind.CALLS else usual_agent(kind)
    return Draft(
        id=new_draft_id(),
        kind=kind,
        channel_id=str(field_of(view, Input.CHANNEL).get("selected_conversation") or ""),
        agent_name=named,
        timetable=str(field_of(view, Input.TIMETABLE).get("value") or ""),
        zone=str(field_of(view, Input.ZONE).get("value") or "").strip(),
    )


def confirmation(preview: DigestPreview) -> View:
    """The confirmation that replaces the form: the next runs, and the button that saves."""
    return modal(
        TITLE,
        [section(replies.proposal(preview)), context("Nothing is saved yet.")],
        close="Cancel",
        submit=plain("Save"),
        callback_id=ModalCallback.SAVE_DIGEST.value,
        private_metadata=pack(preview.draft),
    )


def _menu(options: Sequence[Block]) -> Block:
    return {"type": "static_select", "options": [*options], "initial_option": options[0]}


def _text(placeholder: str, max_length: int) -> Block:
    return {
        "type": "plain_text_input",
        "min_length": 1,
        "max_length": max_length,
        "placeholder": plain(placeholder),
    }
