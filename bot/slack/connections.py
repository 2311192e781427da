"""Limits for the connections of the HTTP server, so that slow or large requests block no others.

uvicorn limits only how long a connection may idle; its ``limit_concurrency`` answers 503 to health
checks and to Slack too.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.slack.rejected_requests import RejectedRequests, RejectionCause
from bot.slack.web import MAX_BODY_BYTES

MAX_CONNECTIONS: Final = 512
HEAD_BYTES: Final = 65_536
ALL_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection, and of all together.

    Attributes:
        connections: the maximum number at a time.
        request_seconds: from the start of the connection or the first byte of a request to its last
            byte; Slack waits three seconds for the answer.
        answer_seconds: from there to the end of the answer.
        idle_seconds: between two requests; longer than load balancers keep idle connections (AWS:
            60), because otherwise they may send a request on one that is being closed.
        request_bytes: of one request, head and body.
        all_bytes: of all incomplete requests together.
    """

    connections: int = MAX_CONNECTIONS
    request_seconds: float = 5.0
    answer_seconds: float = 30.0
    idle_seconds: int = 65
    request_bytes: int = MAX_BODY_BYTES + HEAD_BYTES
    all_bytes: int = ALL_BYTES


class Connections:
    """All connections of one server; if there are too many, it closes the oldest unused one."""

    def __init__(self, rejected_requests: RejectedRequests, limits: Limits) -> None:
        self.rejected_requests = rejected_requests
        self.limits = limits
        self.received_bytes = 0
        # In the order in which they entered that state.
        self.idle: dict[BoundedProtocol, None] = {}
        self.receiving: dict[BoundedProtocol, None] = {}
        self.answering: dict[BoundedProtocol, None] = {}

    def config(self, web: Any, **options: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own
        """Configure a server that uses these connections."""
        return uvicorn.Config(
            web,
            http=cast("type[asyncio.Protocol]", partial(BoundedProtocol, self)),
            ws="none",
            backlog=self.limits.connections,
            timeout_keep_alive=self.limits.idle_seconds,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the peer is the address of the connection itself
            **options,
        )

    def make_room(self) -> None:
        """If there are too many, drop the longest idle or else the longest incomplete connection.

        A connection that is being answered is never dropped.
        """
        if len(self.idle) + len(self.receiving) + len(self.answering) > self.limits.connections:
            for oldest in (*self.idle, *self.receiving):
                oldest.drop(RejectionCause.CROWDED)
                break

    def make_memory(self) -> None:
        """Drop the longest incomplete requests while all together are too large."""
        while self.received_bytes > self.limits.all_bytes and self.receiving:
            next(iter(self.receiving)).drop(RejectionCause.CROWDED)


class BoundedProtocol(HttpToolsProtocol):
    """One connection: receiving a request, being answered, or idle; each for a limited time."""

    def __init__(self, connections: Connections, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**options)
        self._connections = connections
        self._limits = connections.limits
        self._state = connections.receiving
        self._timer: asyncio.TimerHandle | None = None
        self._is_incomplete = True
        self._received_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Start waiting for a request."""
        super().connection_made(transport)
        self._enter(self._connections.receiving)
        self._connections.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read more of a request, unless it exceeds the size limit."""
        if self._state is self._connections.idle:
            self._is_incomplete = True
            self._enter(self._connections.receiving)
        self._count(len(data))
        super().data_received(data)
        if self._received_bytes > self._limits.request_bytes:
            self.drop(RejectionCause.TOO_LARGE)
        self._connections.make_memory()

    def on_message_begin(self) -> None:
        """Wait for the rest of this request."""
        self._is_incomplete = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Wait for the answer; it may have been sent before the request was complete."""
        super().on_message_complete()
        self._is_incomplete = False
        self._count(-self._received_bytes)
        self._settle()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of a request that was answered early."""
        super().on_response_complete()
        self._settle()

    def shutdown(self) -> None:
        """Close after the current answer; an incomplete request has one more second."""
        super().shutdown()
        if self._is_incomplete and not self.transport.is_closing():
            self._wait(1.0, RejectionCause.TOO_SLOW)

    def drop(self, cause: RejectionCause | None) -> None:
        """Close at once, discarding what is still to be read or written."""
        if cause:
            self._connections.rejected_requests.note(cause)
        self._leave()
        self.transport.abort()

    def _settle(self) -> None:
        if self.transport.is_closing():  # as soon as the client has read the answer
            self._wait(self._limits.request_seconds, RejectionCause.TOO_SLOW)
        elif self._is_incomplete:
            self._enter(self._connections.receiving)
        elif self._is_answered:
            self._enter(self._connections.idle)
        else:
            self._enter(self._connections.answering)

    @property
    def _is_answered(self) -> bool:
        """Whether the client has received the whole answer, as far as the system shows."""
        return self.cycle.response_complete and not self.transport.get_write_buffer_size()

    def _enter(self, state: "dict[BoundedProtocol, None]") -> None:
        if self in state:
            return
        self._state.pop(self, None)
        self._state = state
        state[self] = None
        if state is self._connections.receiving:
            self._wait(self._limits.request_seconds, RejectionCause.TOO_SLOW)
        elif state is self._connections.answering:
            self._wait(self._limits.answer_seconds, RejectionCause.TOO_SLOW)
        else:
            self._wait(self._limits.idle_seconds, None)

    def _leave(self) -> None:
        self._state.pop(self, None)
        self._count(-self._received_bytes)
        if self._timer:
            self._timer.cancel()

    def _wait(self, seconds: float, cause: RejectionCause | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._waited, cause)

    def _waited(self, cause: RejectionCause | None) -> None:
        if self._state is self._connections.answering and self._is_answered:
            self._settle()
        else:
            self.drop(cause)

    def _count(self, size: int) -> None:
        self._received_bytes += size
        self._connections.received_bytes += size
