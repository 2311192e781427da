"""The message of a digest, with Slack's charts and tables, or without if Slack refuses them."""

from bot.digests.report import CallsReport
from bot.digests.slack_port import DigestPost
from bot.slack.blocks import Block, Message, context, plain
from bot.slack.digests import access_card, calls_card, words
from bot.slack.wording import escape


def message(post: DigestPost, *, is_plain: bool = False) -> Message:
    """Build the message; ``is_plain``: only with blocks that every workspace accepts."""
    report, period = post.report, post.slot.period
    if isinstance(report, CallsReport):
        body = calls_card.blocks(report, period, is_plain=is_plain)
        summary = calls_card.summary(report)
    else:
        body = access_card.blocks(report, period, is_plain=is_plain)
        summary = access_card.summary(report)
    title, covered = words.title(post.digest, report), escape(words.period(period))
    skipped = [context(words.skipped(post.skipped))] if post.skipped else []
    blocks: list[Block] = [
        {"type": "header", "text": plain(title)},
        context(covered),
        *body,
        *skipped,
    ]
    return {"text": f"{escape(title)}, {covered}: {summary}", "blocks": blocks}
