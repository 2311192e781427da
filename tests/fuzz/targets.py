"""The parsers that read bytes from outside, and what must hold for any bytes.

A target returns for every allowed result of the parser, refusals included. Everything that it
raises is a finding: another exception, or an assertion about the result.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

import httpx

from bot.digests.timetable_text import read_timetable
from bot.errors import CallAudioError, UsageError
from bot.network.retry import parse_retry_after
from bot.polyai.error_mapping import error_from
from bot.polyai.identifiers import is_machine_made, may_be_personal
from bot.polyai.normalization import is_live_v1, is_live_v3, summary_from_v1, summary_from_v3
from bot.polyai.payloads import call_facts
from bot.polyai.transcripts import transcript_of
from bot.recordings.audio.wav_errors import WavError
from bot.recordings.audio.wav_header_parser import parse_wav_header
from bot.recordings.redaction.comparator import Comparator
from bot.recordings.references.mentions import MOST_MENTIONS, find_mentions
from bot.recordings.references.reference import Reference, parse_link, parse_reference
from bot.recordings.steps.transcripts import render
from bot.recordings.waveform.scan import WaveformScan
from bot.slack.admin.commands import parse_admin_command
from bot.slack.payloads import actor_of, requester_of_action, requester_of_command, thread_of
from bot.slack.recordings.command_text import AskForRecording, parse_command
from bot.slack.recordings.files import shares_of
from bot.slack.shapes import is_well_formed
from bot.slack.signature import rejection_of, signed_by
from bot.text.time_spans import parse_time_span
from tests.fuzz.foreign import json_of, object_of, text_of
from tests.fuzz.words import CALL, CALL_WORDS, FILE_WORDS, LINK, MESSAGE_WORDS, PAYLOAD_WORDS, UUID
from tests.recordings.audio.test_wav_header_parser import chunk, data, fmt, riff

NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    Attributes:
        run: feeds it some bytes.
        seeds: bytes that reach far into it; the fuzzer changes them.
        max_bytes: how many bytes make sense.
    """

    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    max_bytes: int = 400


def _reference(fed: bytes) -> None:
    try:
        found: Iterable[Reference] = (parse_reference(text_of(fed)),)
    except UsageError as refusal:
        _is_safe_to_show(refusal)
        found = find_mentions({"text": text_of(fed)})
    for reference in found:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}", reference.conversation_id)
        assert ".." not in reference.conversation_id


def _link(fed: bytes) -> None:
    try:
        link = parse_link(text_of(fed))
    except UsageError as refusal:
        _is_safe_to_show(refusal)
    else:
        assert is_machine_made(link.conversation_id) or not may_be_personal(link.conversation_id)
        assert "/" not in f"{link.conversation_id}{link.account}{link.project}"


def _command(fed: bytes) -> None:
    try:
        read = parse_command(text_of(fed))
    except UsageError as refusal:
        _is_safe_to_show(refusal)
        return
    if isinstance(read, AskForRecording):
        taken = read.reference.conversation_id
        assert is_machine_made(taken) or not may_be_personal(taken)


def _admin_command(fed: bytes) -> None:
    try:
        parse_admin_command(text_of(fed))
    except UsageError as refusal:
        _is_safe_to_show(refusal)


def _timetable(fed: bytes) -> None:
    try:
        timetable = read_timetable(text_of(fed), "Europe/London")
        first, second = timetable.upcoming(NOW, 2)
    except UsageError as refusal:
        _is_safe_to_show(refusal)
        return
    assert NOW < first < second
    assert timetable.in_words()


def _time_span(fed: bytes) -> None:
    try:
        start_seconds, end_seconds = parse_time_span(text_of(fed))
    except ValueError:
        return
    assert 0 <= start_seconds < end_seconds


def _wav_header(fed: bytes) -> None:
    early = _header_or_error(fed[: len(fed) // 2], complete=False)
    whole = _header_or_error(fed, complete=True)
    assert whole is not None
    assert early is None or early == whole == _header_or_error(fed, complete=False)


def _header_or_error(fed: bytes, *, complete: bool) -> object:
    try:
        return parse_wav_header(fed, complete=complete)
    except WavError as error:
        return type(error)


def _waveform(fed: bytes) -> None:
    """The first byte says how long the pieces are."""
    pieces, body = (fed[0] if fed else 0) + 1, fed[1:]
    scan = WaveformScan()
    for at in range(0, len(body), pieces):
        scan.feed(body[at : at + pieces])
    drawn = scan.finish()
    if drawn is not None:
        assert drawn.length_seconds >= 0
        assert float(abs(drawn.lows).max(initial=0)) <= 1
        assert float(abs(drawn.highs).max(initial=0)) <= 1


def _redaction(fed: bytes) -> None:
    """The raw body is the first half, the redacted one the second."""
    comparator = Comparator()
    halves = {
        id(comparator.raw): fed[: len(fed) // 2],
        id(comparator.redacted): fed[len(fed) // 2 :],
    }
    while body := comparator.next_body():
        left = halves[id(body)]
        halves[id(body)] = left[64:]
        if left:
            body.feed(left[:64])
        else:
            body.end()
        comparator.work()
    assert comparator.finish().verdict


def _call(fed: bytes) -> None:
    payload = object_of(fed, CALL_WORDS)
    facts = call_facts(payload, conversation_id=CALL)
    _keeps_no_number(facts, facts.channel, facts.masked_caller, facts.direction)
    for row in (payload, json_of(fed, CALL_WORDS)):
        is_live_v1(row)
        is_live_v3(row)
        for call in (summary_from_v1(row), summary_from_v3(row)):
            if call is not None:
                assert call.started_at.tzinfo is UTC
                _keeps_no_number(call.handoff_reason)


def _transcript(fed: bytes) -> None:
    payload = object_of(fed, CALL_WORDS)
    transcript = transcript_of(payload, conversation_id=CALL)
    assert transcript.language in (None, "en-GB") or re.fullmatch(
        r"[A-Za-z-]+", transcript.language
    )
    assert render(transcript).decode()


def _polyai_error(fed: bytes) -> None:
    """The first two bytes are the status, the rest is a header, a line break and the body."""
    status = 100 + int.from_bytes(fed[:2], "big") % 500
    header, _, body = fed[2:].partition(b"\n")
    name = ("Retry-After", "X-Correlation-Id")[status % 2]
    error = error_from(status, body, httpx.Headers([(name.encode(), header)]), now=NOW)
    assert str(error) == type(error).what
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", error.correlation_id or "-")


def _retry_after(fed: bytes) -> None:
    seconds = parse_retry_after(text_of(fed), NOW)
    assert seconds is None or 0 <= seconds <= 24 * 3600


def _message(fed: bytes) -> None:
    assert len(find_mentions(object_of(fed, MESSAGE_WORDS))) <= MOST_MENTIONS


def _payload(fed: bytes) -> None:
    """A well-formed payload can be read; any other is refused before it is read."""
    payload = object_of(fed, PAYLOAD_WORDS)
    if not is_well_formed(payload):
        return
    json.dumps(payload)
    if "command" in payload:
        assert requester_of_command(payload).actor.user_id
    elif payload.get("type") in ("block_actions", "view_submission", "message_action"):
        assert actor_of(payload).user_id
        thread_of(payload)
        for action in payload.get("actions") or []:
            requester_of_action(payload, action)


def _shared_file(fed: bytes) -> None:
    file = json_of(fed, FILE_WORDS)
    found = shares_of(file)
    is_no = isinstance(file, dict) and file.get("public_url_shared") is False
    assert (found.has_public_link is False) == is_no
    assert len({each.channel_id for each in found.places}) == len(found.places)


def _signature(fed: bytes) -> None:
    """Two headers, each ended by a line break, and a body: no bytes have a valid signature."""
    timestamp, _, rest = fed.partition(b"\n")
    signature, _, body = rest.partition(b"\n")
    headers = {
        "x-slack-request-timestamp": timestamp.decode("latin-1"),
        "x-slack-signature": signature.decode("latin-1"),
    }
    signed = signed_by(headers)
    assert signed is None or rejection_of(signed, body, secrets=("not-guessed",), now=0)


def _is_safe_to_show(refusal: CallAudioError) -> None:
    """A refusal has a text without links, mentions and long numbers."""
    words = f"{refusal.what} {refusal.likely_cause} {refusal.fix}"
    assert refusal.what
    assert not re.search(r"<[@#!]|https?://", refusal.what)
    assert not re.search(r"[0-9]{6}", words)


def _keeps_no_number(*shown: object) -> None:
    for each in shown:
        assert not isinstance(each, str) or not re.search(r"[0-9]{3}", each)


@cache
def targets() -> dict[str, Target]:
    """Return every target by its name."""
    sound = riff(fmt(), data(160))
    stereo = riff(chunk(b"LIST", b"INFO"), fmt(channels=2), data(64))
    law = riff(fmt(tag=7, bits=8), data(40))
    floats = riff(fmt(tag=3, bits=32), data(64))
    bodies = (sound, stereo, law, floats)
    made = bytes(range(256))
    return {
        "reference": Target(_reference, _texts(CALL, LINK, f"<{LINK}|x>", f"billing:{CALL}", UUID)),
        "link": Target(_link, _texts(LINK, f"api.us.poly.ai/v1/agents/P/conversations/{CALL}")),
        "command": Target(
            _command,
            _texts(CALL, f"{CALL} <#C0QUALITY0|calls> agent redacted", f"“{CALL}” caller", "help"),
        ),
        "admin command": Target(
            _admin_command,
            _texts(
                "grant <@U0ALICE00> pii for 8h",
                "deny <@U0ALICE00> pii",
                "who <@U0ALICE00>",
                "explain <@U0ALICE00> <#C0QUALITY0|q>",
                f"check {CALL}",
                "thaw billing was repaired",
                "ca0123456789abcdef0123456789abcdef",
                "+447700900123",
                "digest add calls <#C0QUALITY0|q> billing mon-fri 09:00 Europe/London",
                "digest 3 pause",
            ),
        ),
        "timetable": Target(
            _timetable,
            _texts(
                "mon-fri 09:00",
                "0 9 * * 1-5",
                "daily 9:30",
                "*/15 9 1,15 * *",
                "* 9 1 *,1,5 *",
                "frs 5:01",
            ),
            60,
        ),
        "time span": Target(_time_span, _texts("0:05.2-0:10.4", "1:00:00-1:00:01"), 40),
        "wav header": Target(_wav_header, (*bodies, sound[:30])),
        "waveform": Target(_waveform, tuple(b"\x20" + each for each in bodies)),
        "redaction": Target(_redaction, tuple(each * 2 for each in bodies), 800),
        "call": Target(_call, (made, made[::-1], bytes(400))),
        "transcript": Target(_transcript, (made, made[::-1], b"\x0b\x12\x08\x05\x09" * 20)),
        "PolyAI's error": Target(
            _polyai_error,
            tuple(
                status.to_bytes(2, "big") + b'30\n{"error_code": "NOT_FOUND", "error_id": "a-1"}'
                for status in (300, 304, 329, 403)
            ),
        ),
        "Retry-After": Target(
            _retry_after, _texts("30", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "-0000"), 60
        ),
        "message": Target(_message, (made, made[::-1], b"\x05\x00\x06\x0e" * 20)),
        "payload": Target(_payload, (made, made[::-1], b"\x09\x0b\x00\x05\x1a\x01\x09\x02" * 20)),
        "shared file": Target(_shared_file, (made, made[::-1], b"\x09\x04\x00\x09\x03\x01" * 20)),
        "signature": Target(_signature, (b"0\nv0=" + b"a" * 64 + b"\npayload=%7B%7D",)),
    }


def _texts(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)
