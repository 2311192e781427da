"""Digests of one line: a quick report, and a post to Slack."""

from dataclasses import dataclass
from datetime import datetime

from bot.digests.digest import Digest, DigestKind, Period
from bot.digests.report import CallsReport, Figures, Report
from bot.digests.slack_port import DigestPost
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import ScopeMissing
from bot.wiring.core import Core
from bot.wiring.digests import DigestOutlets

METADATA_TYPE = "callaudio_digest"


async def plain_report(digest: Digest, period: Period) -> Report:
    assert period.since < period.until
    return CallsReport(digest.agent_name, Figures())


@dataclass
class PlainPosting:
    api: SlackApi

    async def post(self, post: DigestPost) -> str:
        period = post.slot.period
        missed = f" Missed: {', '.join(post.skipped)}." if post.skipped else ""
        answer = await self.api.call_once(
            "chat.postMessage",
            channel=post.digest.channel_id,
            text=f"{period.since.isoformat()} to {period.until.isoformat()}.{missed}",
            metadata={
                "event_type": METADATA_TYPE,
                "event_payload": {"digest_id": post.digest.id, "slot": post.slot.local},
            },
        )
        return str(answer["ts"])

    async def find(self, digest: Digest, slot_local: str, since: datetime) -> str | None:
        cursor = None
        while True:
            try:
                answer = await self.api.call_with_retries(
                    "conversations.history",
                    channel=digest.channel_id,
                    oldest=f"{since.timestamp() - 60:.6f}",
                    include_all_metadata=True,
                    cursor=cursor,
                )
            except ScopeMissing:
                return None
            for message in answer["messages"]:
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload == {"digest_id": digest.id, "slot": slot_local}:
                    return str(message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None

    async def notify_owner(self, digest: Digest, why: str) -> None:
        opened = await self.api.call_with_retries("conversations.open", users=digest.owner_id)
        text = f"I paused your digest: {why}."
        await self.api.call_once("chat.postMessage", channel=opened["channel"]["id"], text=text)


def plain_outlets(core: Core) -> DigestOutlets:
    return DigestOutlets(
        reporters=dict.fromkeys(DigestKind, plain_report), slack=PlainPosting(core.api)
    )
