"""Slack's Web API over HTTP: token, arguments, scopes, then the method itself."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from aiohttp import web

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.method import Arguments, Method, RefusalError, require_scope
from bot.sandbox.methods import apps, chat, conversations, files, users, views
from bot.sandbox.objects import Call
from bot.sandbox.workspace import Workspace

METHODS: dict[str, Method] = {
    **apps.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **users.METHODS,
    **views.METHODS,
}


class WebApi:
    """Answers ``/api/{method}`` and records every call."""

    def __init__(self, workspace: Workspace, faults: Faults) -> None:
        self._workspace = workspace
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle one call, with the pending fault of its method, if any."""
        name = request.match_info["method"]
        values = await _values(request)
        calls = self._workspace.calls
        call = Call(name, values, self._workspace.clock(), "received")
        at = len(calls)
        calls.append(call)

        async def effect(request: web.Request) -> web.StreamResponse:
            limited = self._limited(name, values)
            if limited is not None:
                calls[at] = replace(call, status="ratelimited")
                return limited
            body = self._run(request, name, values)
            calls[at] = replace(call, status="ok" if body["ok"] else str(body["error"]))
            return web.json_response(body, headers=self._scope_headers(name))

        fault = self._faults.take(name)
        if fault is not None and fault.when == "before":
            calls[at] = replace(call, status="fault")
        return await self._faults.around(request, fault, effect, fault_answer)

    def _run(self, request: web.Request, name: str, values: dict[str, Any]) -> dict[str, Any]:
        try:
            method = self._checked_method(request, name, values)
            arguments = Arguments(values, frozenset(self._workspace.unknown_blocks))
            return {"ok": True, **method.run(self._workspace, arguments)}
        except RefusalError as refusal:
            if refusal.breach:
                self._workspace.note_breach(name, refusal.breach)
            return {"ok": False, "error": refusal.error, **refusal.extra}

    def _checked_method(self, request: web.Request, name: str, values: dict[str, Any]) -> Method:
        method = METHODS.get(name)
        if method is None:
            raise RefusalError("unknown_method", req_method=name)
        self._check_query(request, name)
        self._check_token(request, method)
        if method.caller == "bot":
            require_scope(self._workspace, *method.scopes)
        missing = [needed for needed in method.required if values.get(needed) in (None, "", [])]
        if missing:
            raise RefusalError("missing_argument", missing=missing)
        return method

    def _check_query(self, request: web.Request, name: str) -> None:
        # Query strings end up in access logs, so they must not contain a token or a file's data.
        if "token" in request.query or (name.startswith("files.") and request.query):
            self._workspace.violations.append(f"{name}: arguments in the query string")
            raise RefusalError("invalid_arguments")

    def _check_token(self, request: web.Request, method: Method) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise RefusalError("not_authed")
        known = {self._workspace.bot_token: "bot", self._workspace.app_token: "app"}
        if kind != "Bearer" or token not in known:
            raise RefusalError("invalid_auth")
        if known[token] == "bot" and not self._workspace.has_app:
            raise RefusalError("account_inactive")
        if known[token] != method.caller:
            raise RefusalError("not_allowed_token_type")

    def _limited(self, name: str, values: Mapping[str, Any]) -> web.Response | None:
        workspace = self._workspace
        allowed = workspace.rate_limits.get(name)
        since = workspace.clock() - workspace.limit_window_seconds
        channel = None
        if name == "chat.postMessage" and workspace.posts_apart_seconds:
            allowed, since = 1, workspace.clock() - workspace.posts_apart_seconds
            channel = values.get("channel")
        if allowed is None:
            return None
        counted = [
            call.at
            for call in takewhile(lambda call: call.at > since, reversed(workspace.calls))
            if call.method == name
            and call.status == "ok"
            and channel in (None, call.arguments.get("channel"))
        ]
        if len(counted) < allowed:
            return None
        wait = max(1, math.ceil(counted[allowed - 1] - since)) if counted else 1
        return web.json_response(
            {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(wait)}
        )

    def _scope_headers(self, name: str) -> dict[str, str]:
        accepted = METHODS[name].scopes if name in METHODS else ()
        return {
            "x-oauth-scopes": ",".join(sorted(self._workspace.scopes)),
            "x-accepted-oauth-scopes": ",".join(accepted),
        }


async def _values(request: web.Request) -> dict[str, Any]:
    values: dict[str, Any] = dict(request.query)
    values.pop("token", None)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            body = None
        values |= body if isinstance(body, dict) else {}
    else:
        values |= {name: value for name, value in (await request.post()).items() if name != "token"}
    return values


def fault_answer(fault: Fault) -> web.Response:
    """Build the answer with which a fault replaces Slack's."""
    headers = dict(fault.headers)
    if fault.body is not None:
        return web.Response(body=fault.body, status=fault.status or 200, headers=headers)
    error = fault.error or (
        "ratelimited" if fault.status == web.HTTPTooManyRequests.status_code else None
    )
    if error is not None:
        body = {"ok": False, "error": error}
        return web.json_response(body, status=fault.status or 200, headers=headers)
    return web.Response(text="", status=fault.status or 500, headers=headers)
