"""Messages and views: whether this workspace accepts one of each (docs: `blocks.validate`)."""

from collections.abc import Iterator
from typing import Any, Final

from bot.cli.checks.finding import Finding, Status, checked
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import BlocksRefused

WHAT: Final = "messages"
REPORT: Final = (
    "Update callaudio. If it is the newest version, report this line: nothing in it is personal."
)


async def check_messages(api: SlackApi) -> Finding:
    """Have Slack validate one of each; nothing is posted."""

    async def check() -> Finding:
        refused = [name for name, arguments in _samples() if not await _is_taken(api, arguments)]
        if refused:
            return Finding(WHAT, Status.WRONG, f"Slack refuses: {', '.join(refused)}", REPORT)
        return Finding(WHAT, Status.OK, "Slack takes one of each", is_always_shown=True)

    return await checked(WHAT, check)


def _samples() -> Iterator[tuple[str, dict[str, Any]]]:
    from bot.cli.checks.samples import messages, views  # noqa: PLC0415 - loads every surface

    yield from ((name, {"message": each}) for name, each in messages().items())
    yield from ((name, {"view": each}) for name, each in views().items())


async def _is_taken(api: SlackApi, arguments: dict[str, Any]) -> bool:
    try:
        await api.call_with_retries("blocks.validate", **arguments)
    except BlocksRefused:
        return False
    return True
