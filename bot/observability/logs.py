r"""Structured logs on stderr, for our own and every library's records, with secrets masked.

Replaced by ``[masked]`` anywhere in a record (message, field, key, traceback):

- a registered secret of 4 characters or more, also percent-encoded, in ``repr`` or in JSON;
- the value of a key named like a secret: ``x-api-key``, ``authorization``, ``response_url``, …;
- Slack tokens, bearer tokens, the credentials in a URL;
- response, upload and Socket Mode URLs, also percent-encoded or with ``\/``;
- phone numbers: ``+`` and 8 digits or more, and any run of 9 digits or more.

Not masked: Slack's timestamps (``1700000000.000100``), permalinks and ids; UUIDs; hex ids such as
``CA`` + 32; ``CONV-`` ids; our own ids; floats; whole numbers under a key that ends in a unit
(``size_bytes``).

Programs must not install handlers of their own: uvicorn runs with ``log_config=None``.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from typing import Any, Final, Literal, cast
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.text.characters import printable

MASK: Final = "[masked]"
MIN_SECRET_CHARS: Final = 4  # masking shorter ones would garble every line
MAX_DEPTH: Final = 6  # deeper containers are masked as one text
UNITS: Final = ("_bytes", "_seconds", "_ms")
QUIET_LOGGERS: Final = (
    *("slack_bolt", "slack_sdk", "httpx", "aiohttp", "uvicorn.access"),
    *("apscheduler", "sqlalchemy.engine", "alembic"),
)
USUAL_WARNING: Final = "As you gave `client` as well, `token` will be unused."
"""Bolt's warning at each start where SLACK_BOT_TOKEN is in the environment: as it should be."""
SECRET_NAME: Final = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|token|secret|password|cookie|authorization|(?:upload|response)_url)",
    re.IGNORECASE,
)

_KEPT: Final = "|".join(
    rf"(?<![0-9A-Za-z]){shape}(?![0-9A-Za-z])"
    for shape in (
        r"\d{10}\.\d{6}",  # a Slack timestamp
        r"(?<=/)p\d{16}",  # the same in a permalink
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"[A-Z]{2}[0-9a-f]{32}",  # a call, such as CA…
        r"(?=[0-9]*[a-f])[0-9a-f]{32,64}",
        r"[ad](?=[0-9]*[a-f])[0-9a-f]{20}",  # our own: a request for access, a delivery
        r"[ABCDEFGSTUW][0-9A-Z]{8,10}",  # a Slack id
        r"CONV-[0-9]{1,20}",
    )
)
_SLASH: Final = r"(?:\\?/|%2F)"
_REST: Final = r"""[^\s"'<>]"""
_PRIVATE_HOST: Final = rf"hooks\.slack\.com{_SLASH}|files\.slack\.com{_SLASH}upload"
# Bounded, because a text full of "https://" would otherwise take quadratic time.
_HTTP: Final = rf"https?(?::|%3A){_SLASH}{{2}}{_REST}{{0,2000}}?"
_MASKED: Final = "|".join(
    (
        r"xox[abeprs][.-][\w.%-]+|xapp-[\w.%-]+",
        rf"(?i:wss?://{_REST}+)",
        rf"(?i:{_HTTP}(?:{_PRIVATE_HOST}|{_SLASH}(?:upload|commands){_SLASH}){_REST}*)",
        r"""(?<=://)[^\s/@:"']{0,200}:[^\s@"']{1,200}(?=@)""",
        r"(?:\+|%2B)(?:[ ().-]{0,2}\d){8,}|\d{9,}",
    )
)
_NAMED: Final = r"""(?i:(?P<name>x-api-key["']?\s*[:=,]\s*b?["']?|bearer\s+)[^\s"',;)}\]]+)"""
_PATTERN: Final = re.compile(f"(?P<kept>{_KEPT})|{_NAMED}|{_MASKED}")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the structured logger called ``name``, also before logging is configured."""
    return structlog.stdlib.get_logger(name)


def bound_to_logs(**facts: str) -> AbstractContextManager[object]:
    """Add ``facts`` to every line logged in the context and by tasks started in it."""
    return structlog.contextvars.bound_contextvars(**facts)


@contextmanager
def logged_call(
    logger: structlog.stdlib.BoundLogger, event: str, **facts: object
) -> Iterator[dict[str, object]]:
    """Log a call to another service when it has ended, with its duration.

    The line contains ``facts`` and all that the caller puts into the mapping, such as a status.
    """
    began = time.perf_counter()
    try:
        yield facts
    finally:
        logger.info(event, **facts, took_ms=round(1000 * (time.perf_counter() - began)))


def configure_logging(
    format: Literal["json", "console"],  # noqa: A002 - the word operators know from CALLAUDIO_LOG_FORMAT
    secrets: Iterable[str] = (),
    *,
    level: int = logging.INFO,
) -> None:
    """Write every record of this process from ``level`` on to stderr, as one masked line.

    Other handlers on the root logger are removed, because they would write unmasked.
    """
    masker = Masker(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if format == "console":
        in_columns = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        renderer = _printable(in_columns)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # types, messages and lines, no local variables
            masker.masking(renderer),
        ],
    )
    logging.root.handlers[:] = [MaskedHandler()]
    logging.root.handlers[0].setFormatter(formatter)
    logging.root.handlers[0].addFilter(lambda record: record.msg != USUAL_WARNING)
    logging.root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in QUIET_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = True
        logger.handlers.clear()
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, wrap],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


class MaskedHandler(logging.StreamHandler[Any]):
    """Writes to stderr; of a record that cannot be formatted it writes only the origin.

    If stderr cannot be written, as on a full disk, records are lost and nothing else fails.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Write the record's origin; the inherited method would print the message unmasked."""
        origin = f"{record.module}:{record.lineno}"
        with suppress(OSError, ValueError):  # ValueError: it is closed
            self.stream.write(f"a log record of {origin} could not be written\n")


class Masker:
    """Masks registered secrets by value, and other likely secrets by their shape."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for each in secrets if len(each) >= MIN_SECRET_CHARS for form in _forms(each)}
        longest_first = sorted(forms, key=len, reverse=True)
        values = "|".join(map(re.escape, longest_first)) or r"(?!)"
        self._values = re.compile(values, re.IGNORECASE)  # %2f is %2F
        # There are few field names, so their checks are cached.
        self._mask_name = lru_cache(maxsize=512)(self.mask)

    def mask(self, text: str) -> str:
        """Mask one text, values first: a shape alone could leave half of a secret unmasked."""
        return _PATTERN.sub(_replace, self._values.sub(MASK, text))

    def masking(self, renderer: Processor) -> Processor:
        """Wrap ``renderer``: mask the event before it, and the values in its line after it."""

        def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
            masked = cast("EventDict", self._walk(event, "", 0))
            return self._values.sub(MASK, str(renderer(logger, method, masked)))

        return render

    def _walk(self, value: object, name: str, depth: int) -> object:
        if value is None or isinstance(value, bool | float):
            return value
        if name and SECRET_NAME.fullmatch(name):
            return MASK
        if isinstance(value, int) and abs(value) < (2**63 if name.endswith(UNITS) else 10**8):
            return value
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            named = ((_name(key), each) for key, each in value.items())
            return {self._mask_name(key): self._walk(each, key, depth + 1) for key, each in named}
        if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            items = list(value)
            header = _name(items[0]) if items[1:] and not items[2:] else ""  # a (name, value) pair
            return [self._walk(each, header, depth + 1) for each in items]
        return self.mask(_text(value))


def _printable(renderer: Processor) -> Processor:
    """Wrap ``renderer``: escape control characters for terminals; JSON does so itself."""

    def render(logger: WrappedLogger, method: str, event: EventDict) -> object:
        for name, value in event.items():
            if isinstance(value, str):
                event[name] = printable(value, keep="\n" if name == "exception" else "")
        return renderer(logger, method, event)

    return cast("Processor", render)


def _replace(found: re.Match[str]) -> str:
    return found["kept"] or (found["name"] or "") + MASK


def _text(value: object) -> str:
    try:
        return str(value) if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - a log line must not fail on somebody's __repr__
        return f"<{type(value).__name__}>"


def _name(key: object) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else _text(key)


def _forms(secret: str) -> set[str]:
    """Return the forms of a secret in URLs, in ``repr`` and in JSON."""
    in_urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return in_urls | {
        secret,
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
        json.dumps(secret)[1:-1],
    }
