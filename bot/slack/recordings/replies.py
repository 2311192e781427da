"""The texts of private answers given in the ack itself."""

from typing import Final

from bot.access.grants import Right
from bot.access.person import Person
from bot.errors import CallAudioError
from bot.recordings.request_store import StoredRequest
from bot.slack.access import rights_wording
from bot.slack.admin.replies import HELP as ADMIN_HELP
from bot.slack.schedules.replies import HELP as DIGEST_HELP
from bot.slack.wording import code

HELP: Final = """*I bring call recordings into threads.*
`/callaudio CA…` posts the recording of that conversation here: its id, or its Studio link.
Words that may stand beside it, in any order:
• a channel, to post it there instead
• `user` (or `caller`) or `agent`, for one side of the call; `combined`, both, is what you get \
otherwise
• `redacted`, to get it redacted although you could hear it raw
`/callaudio sales:CA…` asks another agent, here one set up as `sales`.
*Get call audio* in the menu of a message brings the recording of the call it names into its thread.
*Find a call*, among the shortcuts and in the *Home* tab of the app, lists the latest calls.
What you asked for lately, and what became of it, stands in the *Home* tab of the app.

You get the raw recording only where everyone may hear it; otherwise personal details are muted."""

NOT_FOR_YOU: Final = """callaudio is for members of this workspace, and for guests with a grant of \
their own.
If you are one, ask an admin of callaudio for it, or type this again in a minute."""


def help_for(person: Person) -> str:
    """Tell somebody what they can do, and what they would hear."""
    if not person.may_use:
        return NOT_FOR_YOU
    parts = [HELP, rights_wording.clearance(person)]
    if Right.ADMIN in person.held:
        parts += [ADMIN_HELP, DIGEST_HELP]
    return "\n\n".join(parts)


def accepted(stored: StoredRequest, conversation_id: str) -> str:
    """Say that a request was taken, in words that stay true beside the result.

    Slack keeps this answer on screen: a command's `response_url` cannot replace or delete it
    (bolt-python#1268, bolt-js#2287).
    """
    conversation = code(conversation_id)
    if stored.is_repeat:
        return f"The recording of {conversation} is already on its way."
    return f"Got it: the recording of {conversation} comes in a message of its own."


def problem_in_form(error: CallAudioError, reference: str) -> str:
    """Say the same below a field of a form, where Slack shows plain text."""
    told = " ".join(each for each in (error.what, error.likely_cause, error.fix) if each)
    return f"{told} Reference {reference}".replace("`", "").replace("*", "")


def problem(error: CallAudioError, reference: str) -> str:
    """Say what happened, why, what to do, and under which reference it is logged."""
    lines = [
        error.what,
        f"*Likely cause:* {error.likely_cause}" if error.likely_cause else "",
        f"*What to do:* {error.fix}" if error.fix else "",
        f"Reference {code(reference)}",
    ]
    return "\n".join(line for line in lines if line)
