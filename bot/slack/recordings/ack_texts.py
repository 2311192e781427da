"""The texts of private answers, sent in the ack."""

from typing import Final

from bot.access.grants import Right
from bot.access.person import Person
from bot.errors import CallAudioError
from bot.recordings.requests.request_writer import StoredRequest
from bot.slack.access import rights_wording
from bot.slack.wording import code, failure

HELP: Final = """*I bring call recordings into threads.*
`/callaudio CA…` posts the recording of that conversation here: its id, or its Studio link.
`/callaudio sales:CA…` gets a call of another agent, where one is set up as `sales`.
Add, in any order: a #channel to post it there · `user` (or `caller`) or `agent` for one side of \
the call, else `combined` · `redacted` even if you may hear it unredacted.
*Get call audio* in a message's menu posts that call in its thread; *Find a call*, in the \
shortcuts and my *Home* tab, lists the latest ones.
Recordings are unredacted only where everyone is cleared; otherwise personal details are muted."""
MORE_FOR_ADMINS: Final = "`/callaudio-admin help` shows what admins can do."

NOT_FOR_YOU: Final = """callaudio is for members of this workspace, and for guests with a grant of \
their own.
If you are one, ask an admin of callaudio for it, or type this again in a minute."""


def help_for(person: Person) -> str:
    """Build the help text, with the person's own right to hear unredacted recordings."""
    if not person.may_use:
        return NOT_FOR_YOU
    parts = [HELP, rights_wording.clearance(person)]
    if Right.ADMIN in person.held:
        parts.append(MORE_FOR_ADMINS)
    return "\n\n".join(parts)


def accepted(stored: StoredRequest, conversation_id: str) -> str:
    """Word that a request was accepted; the text must remain true after the delivery.

    Slack keeps this answer on screen: a command's `response_url` cannot replace or delete it
    (bolt-python#1268, bolt-js#2287).
    """
    conversation = code(conversation_id)
    if stored.is_repeat:
        return f"The recording of {conversation} is already on its way."
    return f"Got it: I will post the recording of {conversation} in a message of its own."


def problem_in_form(error: CallAudioError, reference: str) -> str:
    """Word an error as plain text, for the field of a form."""
    text = " ".join(each for each in (error.what, error.likely_cause, error.fix) if each)
    return f"{text} Reference {reference}".replace("`", "").replace("*", "")


def problem(error: CallAudioError, reference: str) -> str:
    """Word an error: what happened, the likely cause, what to do, and the reference."""
    lines = failure(error.what, error.likely_cause, error.fix)
    return "\n".join([*lines, f"Reference {code(reference)}"])
