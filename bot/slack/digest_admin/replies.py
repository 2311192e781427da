"""The texts about digests for admins."""

from collections.abc import Sequence
from typing import Final

from bot.digests.digest import WHY_PAUSED, Digest
from bot.digests.digest_administration import ListedDigest
from bot.digests.digest_draft import DigestPreview, Draft
from bot.slack.blocks import Message, actions, button, section
from bot.slack.digest_admin.drafts import pack
from bot.slack.identifiers import Action
from bot.slack.wording import code, escape

MAX_LISTED: Final = 30

HELP: Final = """*Digests of callaudio*
`/callaudio-admin digest add calls|access #channel at 09:00 mon-fri Europe/London [agent]` \
schedules one; five fields of cron, such as `0 9 * * 1-5`, do as well
`/callaudio-admin digest list` shows all, with their ids
`/callaudio-admin digest pause|resume|remove` and an id lets one rest, go on, or ends it
`/callaudio-admin digest run` and an id posts one now"""


def offered(preview: DigestPreview) -> Message:
    """Show what would be saved, and the button that saves it."""
    text = f"{proposal(preview)}\nNothing is saved yet."
    save = button(Action.SAVE_DIGEST, "Save", pack(preview.draft), style="primary")
    return {"text": text, "blocks": [section(text), actions(save)]}


def proposal(preview: DigestPreview) -> str:
    """Word what a digest would do, and when next."""
    draft = preview.draft
    when = f"{escape(preview.in_words)} ({escape(draft.zone)})"
    runs = "\n".join(f"• {each}" for each in preview.next_runs)
    return f"{_of(draft)}: {when}.\nIt would come next:\n{runs}"


def saved(digest: Digest) -> str:
    """Word that a digest is saved."""
    return f"Saved as {code(digest.id)}: {_of(digest)}."


def listing(digests: Sequence[ListedDigest]) -> str:
    """List the digests of the workspace."""
    if not digests:
        return "No digest is scheduled. `/callaudio-admin help` shows how to add one."
    lines = [line(each) for each in digests[:MAX_LISTED]]
    if len(digests) > MAX_LISTED:
        rest = len(digests) - MAX_LISTED
        lines.append(f"… and {rest} more: `callaudio digests list` shows them where the bot runs.")
    return "\n".join(lines)


def paused(digest: Digest) -> str:
    """Word that a digest is paused."""
    return f"Paused {code(digest.id)}. `/callaudio-admin digest resume {digest.id}` lets it go on."


def resumed(item: ListedDigest) -> str:
    """Word that a digest is resumed."""
    return f"{code(item.digest.id)} is resumed; next: {item.next_run}."


def removed(digest: Digest) -> str:
    """Word that a digest is removed."""
    return f"Removed {code(digest.id)}, the {_of(digest)}."


def running(digest: Digest) -> str:
    """Word that a digest is about to be posted."""
    return f"I post {code(digest.id)} in <#{digest.channel_id}> in a few seconds."


def line(item: ListedDigest) -> str:
    """Word a digest, and when it is posted next."""
    digest = item.digest
    when = f"next: {item.next_run}"
    if digest.paused_because is not None:
        why = WHY_PAUSED.get(digest.paused_because, digest.paused_because)
        when = f"*paused*: {escape(why)}"
    return (
        f"• {code(digest.id)} {_of(digest)}: {escape(item.in_words)} ({escape(digest.zone)}), "
        f"{when}, by <@{digest.owner_id}>"
    )


def _of(digest: Digest | Draft) -> str:
    of = f" of {code(digest.agent_name)}" if digest.agent_name else ""
    return f"{digest.kind.value} digest{of} in <#{digest.channel_id}>"
