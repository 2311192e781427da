"""The simple bot: Bolt's blocking app under gunicorn, httpx, and the SDK's `files_upload_v2`.

It holds a whole recording in memory, loses its work when it is killed, and checks only the
requester. The difference to it is the cost of the product's guarantees.
"""

import os
import sqlite3

import httpx
from flask import Flask, Response, request
from slack_bolt import Ack, App
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_sdk import WebClient

POLYAI, AGENT = os.environ["POLYAI_API_URL"], os.environ["POLYAI_AGENT_ID"]
client = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
bolt = App(client=client, signing_secret=os.environ["SLACK_SIGNING_SECRET"])
flask = Flask(__name__)
handler = SlackRequestHandler(bolt)


@bolt.command("/callaudio")
def callaudio(ack: Ack, command: dict[str, str]) -> None:
    """Answer, fetch the recording, post a parent message and upload into its thread."""
    conversation_id = command["text"].split()[0]
    ack(f"Fetching {conversation_id} …")
    raw = is_cleared(command["user_id"])
    key = os.environ["POLYAI_PII_API_KEY" if raw else "POLYAI_API_KEY"]
    answer = httpx.get(
        f"{POLYAI}/v1/agents/{AGENT}/conversations/{conversation_id}/audio",
        params={"redacted": "false" if raw else "true"},
        headers={"x-api-key": key, "Accept": "audio/wav"},
        timeout=60,
    )
    answer.raise_for_status()
    parent = client.chat_postMessage(
        channel=command["channel_id"], text=f"Recording of {conversation_id}"
    )
    client.files_upload_v2(
        channel=command["channel_id"],
        thread_ts=parent["ts"],
        filename=f"{conversation_id}.wav",
        title=conversation_id,
        content=answer.content,
    )


def is_cleared(user_id: str) -> bool:
    """Look up the requester in its only table."""
    with sqlite3.connect(os.environ["SIMPLE_BOT_DATABASE"]) as database:
        found = database.execute("SELECT 1 FROM cleared WHERE user_id = ?", (user_id,))
        return found.fetchone() is not None


@flask.post("/slack/events")
def events() -> Response:
    """Pass Slack's requests to Bolt."""
    return handler.handle(request)


@flask.get("/readyz")
def readyz() -> str:
    """Answer health checks."""
    return "ok"
