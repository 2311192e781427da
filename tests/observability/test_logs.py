import errno
import io
import json
import logging
import warnings
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.observability.logs import MASK, QUIET_LOGGERS, Masker, configure_logging, get_logger
from tests.examples import examples
from tests.tables import each_row

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

SECRET = "Zq7vB2nL9xK4"
log = get_logger("bot.tests")


def written(*secrets: str, form: str = "json") -> io.StringIO:
    configure_logging(form, secrets)
    (handler,) = logging.root.handlers
    handler.stream = io.StringIO()
    return handler.stream


def fail(error: Exception, cause: Exception) -> None:
    raise error from cause


def test_records_of_the_bot_and_of_libraries_are_json_lines_in_utc():
    out = written()
    log.info("delivery_ended", outcome="raw", size_bytes=1_073_741_824)
    logging.getLogger("library").warning("took %d tries", 3)
    ours, theirs = map(json.loads, out.getvalue().splitlines())
    assert ours["event"] == "delivery_ended"
    assert ours["outcome"] == "raw"
    assert ours["size_bytes"] == 1_073_741_824
    assert (ours["level"], ours["logger"]) == ("info", "bot.tests")
    assert theirs["event"] == "took 3 tries"
    assert (theirs["level"], theirs["logger"]) == ("warning", "library")
    assert all(line["timestamp"].endswith("Z") for line in (ours, theirs))


class UnwritableStream(io.StringIO):
    """Standard error on a full disk, or into a program that has ended."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def write(self, text: str) -> int:
        if self.error:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), id="full disk"),
        pytest.param(BrokenPipeError(errno.EPIPE, "Broken pipe"), id="the reader has ended"),
        pytest.param(ValueError("I/O operation on closed file"), id="closed"),
    ],
)
def test_a_log_that_cannot_be_written_fails_no_work(error):
    written()
    (handler,) = logging.root.handlers
    handler.stream = UnwritableStream(error)
    log.info("delivery_ended", outcome="raw")
    log.warning("also_lost")
    handler.stream.error = None
    log.info("delivery_ended", outcome="redacted")
    assert json.loads(handler.stream.getvalue())["outcome"] == "redacted"


def test_the_console_format_is_readable():
    out = written(SECRET, form="console")
    log.warning("delivery_ended", outcome="raw", key=SECRET)
    assert "delivery_ended" in out.getvalue()
    assert "outcome=raw" in out.getvalue()
    assert f"key={MASK}" in out.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_record_controls_the_terminal_or_forges_another(form):
    out = written(form=form)
    log.warning("ended\x1b[2J", code="a\x1b]0;owned\x07\u202e", who="x\n2026 [info] forged")
    logging.getLogger("library").warning("said\x1b[31m %s", "y\n2026 [info] forged")
    try:
        fail(ValueError("\x1b[2J"), KeyError("z"))
    except ValueError:
        log.exception("failed")
    lines = out.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("2026 [info]") for line in lines)
    assert "\\x1b[2J" in out.getvalue() or "\\u001b[2J" in out.getvalue()


def test_records_go_to_stderr(capsys):
    configure_logging("json")
    log.info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"


def test_events_below_info_are_dropped():
    out = written()
    log.debug("ours")
    logging.getLogger("library").debug("theirs")
    assert out.getvalue() == ""


@each_row("name", QUIET_LOGGERS)
def test_verbose_libraries_are_logged_from_warning_on(name):
    out = written()
    logging.getLogger(f"{name}.part").info("chatter")
    logging.getLogger(f"{name}.part").warning("trouble")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["trouble"]


def test_python_warnings_are_logged():
    out = written(SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"old key {SECRET}", stacklevel=1)
        logging.captureWarnings(capture=False)
    assert f"old key {MASK}" in out.getvalue()


@each_row(
    "text",
    [
        "1700000000.000100",
        "https://acme.slack.com/archives/C0123456789/p1700000000000100",
        "CAabcd1234567abcdef1250065d4fc7389",
        "CA12345678901234567890123456789012",
        "0123456789abcdef0123456789abcdef",
        "LOCAL-550e8400-e29b-41d4-a716-446655440000",
        "AS_CHAT_550e8400-e29b-41d4-a716-446655440000",
        "CONV-1234567890",
        "U0123456789",
        "d04f1744685066851218b",
        "a1234567890123456789f",
        "20261122 17:20:00",
        "https://api.eu.poly.ai/v1/agents/PROJECT-58RP822I/conversations",
    ],
)
def test_ids_and_times_stay_readable(text):
    assert Masker(()).mask(f"see {text}.") == f"see {text}."


WHOLLY_MASKED = (
    "xoxb-123-abc",
    "xoxe.xoxp-1-abc",
    "xapp-1-A0-9-abc",
    "https://hooks.slack.com/commands/T1/2/x",
    r"https:\/\/hooks.slack.com\/actions\/T1\/2",
    "https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1",
    "https://files.slack.com/upload/v1/ABC",
    "http://127.0.0.1:8080/upload/ABC?x=1",
    "http://127.0.0.1:8080/commands/ABC",
    "wss://wss-primary.slack.com/link/?ticket=1",
    "+447700900123",
    "+44 7700 900123",
    "+1 (415) 555-0100",
    "%2B44770090",
    "447700900123",
    "004477009001234567",
)


@each_row(
    ("text", "expected"),
    [
        *((f"<{text}>", f"<{MASK}>") for text in WHOLLY_MASKED),
        ("x-api-key: abcDEF1", f"x-api-key: {MASK}"),
        ("{'X-API-Key': 'abcDEF1'}", f"{{'X-API-Key': '{MASK}'}}"),
        ("(b'x-api-key', b'abcDEF1')", f"(b'x-api-key', b'{MASK}')"),
        ("Authorization: Bearer abcDEF1", f"Authorization: Bearer {MASK}"),
        ("postgresql://bot:pw@db/x", f"postgresql://{MASK}@db/x"),
        ("from447700900123to", f"from{MASK}to"),
    ],
)
def test_what_looks_like_a_secret_is_masked_and_the_text_around_it_kept(text, expected):
    assert Masker(()).mask(text) == expected


@pytest.mark.parametrize("urls", [2_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_a_long_line_of_urls_takes_no_quadratic_time(urls):
    assert Masker(()).mask("https://" * urls)


def test_values_under_a_secrets_name_are_masked_in_any_container():
    out = written()
    log.info(
        "call",
        headers=[(b"x-api-key", b"abcDEF1"), ("accept", "audio/wav")],
        request={"upload_url": "u-123", "token": None, "nested": {"Api-Key": "abcDEF1"}},
        caller=447700900123,
        waited=1700000000.25,
        is_raw=True,
    )
    line = json.loads(out.getvalue())
    assert line["headers"] == [[MASK, MASK], ["accept", "audio/wav"]]
    assert line["request"] == {"upload_url": MASK, "token": None, "nested": {"Api-Key": MASK}}
    assert line["caller"] == MASK
    assert line["waited"] == 1700000000.25
    assert line["is_raw"] is True


@each_row("secret", ["pa ss/w?rd&1", "quo\"te'd\\slash", "schlüssel-ä"])
@each_row("form", ["json", "console"])
def test_a_secret_is_masked_in_its_encoded_forms(secret, form):
    out = written(secret, form=form)
    plain = Masker([secret])
    spellings = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret).lower()]
    spellings += [repr(secret)[1:-1], repr(secret.encode())[2:-1], json.dumps(secret)[1:-1]]
    assert {plain.mask(spelling) for spelling in spellings} == {MASK}
    log.info("call", body=spellings, raw=secret.encode(), **{"a " + secret: 1})
    assert not any(spelling in out.getvalue() for spelling in spellings)


def test_exceptions_show_types_places_and_masked_messages_but_no_variables():
    out = written(SECRET)
    local = "".join(("a-local", "-value"))  # noqa: FLY002 - the value must not stand in the source
    try:
        fail(ExceptionGroup(f"{SECRET} +447700900123", [ValueError(SECRET)]), KeyError(SECRET))
    except ExceptionGroup as error:
        error.add_note(SECRET)
        log.exception("failed", error=error)
        logging.getLogger("library").exception("failed %s", SECRET)
    assert SECRET not in out.getvalue()
    assert local not in out.getvalue()
    for line in map(json.loads, out.getvalue().splitlines()):
        assert "KeyError" in line["exception"]
        assert "ExceptionGroup" in line["exception"]
        assert "test_logs.py" in line["exception"]


def test_a_record_that_cannot_be_formatted_is_logged_by_its_origin_only():
    out = written(SECRET)
    logging.getLogger("library").warning("%d", SECRET)
    assert out.getvalue().startswith("a log record of test_logs:")
    assert SECRET not in out.getvalue()


def test_a_value_that_cannot_be_shown_does_not_break_the_line():
    class Unshowable:
        def __repr__(self) -> str:
            raise RuntimeError

    out = written()
    log.info("call", value=Unshowable(), huge=10**5000)
    line = json.loads(out.getvalue())
    assert line["value"] == "<Unshowable>"
    assert line["huge"] == "<int>"


def test_a_value_too_short_for_a_secret_is_not_masked():
    assert Masker(["", "a", "abc"]).mask("a cab in abc") == "a cab in abc"


@dataclass
class Holder:
    value: object


def nested(secret: str) -> st.SearchStrategy[object]:
    around = st.text(max_size=10)
    texts = st.builds(lambda before, after: before + secret + after, around, around)
    leaves = texts | texts.map(str.encode) | st.builds(ValueError, texts) | st.builds(Holder, texts)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(texts | around, inner, max_size=3)
            | st.tuples(inner, inner)
            | st.builds(Holder, inner)
        ),
        max_leaves=8,
    )


@settings(deadline=None, max_examples=examples(20))
@given(
    data=st.data(),
    form=st.sampled_from(["json", "console"]),
    secret=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=8, max_size=40),
)
def test_no_registered_secret_survives_anywhere(data, form, secret):
    assume(not any(part in MASK for part in (secret[:3], secret[-3:])))
    out = written(secret, form=form)
    value = data.draw(nested(secret))
    try:
        fail(RuntimeError(secret), KeyError(value))
    except RuntimeError:
        log.exception(f"got {secret}", field=value, exc=RuntimeError(value))  # noqa: G004 - the name itself is under test
        logging.getLogger("library").exception("got %s and %r", secret, value)
    log.info("args %s", value, **{f"k{secret}": value})
    assert secret not in out.getvalue()
    assert out.getvalue().count(MASK) >= 3
