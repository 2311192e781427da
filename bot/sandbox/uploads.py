"""The second step of an upload: exactly the announced bytes to a one-use URL."""

import hashlib
from dataclasses import replace

from aiohttp import web

from bot.sandbox.faults import Fault, Faults, cut
from bot.sandbox.objects import File
from bot.sandbox.passes import PassError
from bot.sandbox.workspace import Workspace


class Uploads:
    """Answers ``/upload/v1/{secret}``.

    Slack does not document its behaviour for a wrong length, so the strictest one is assumed: the
    file stays empty and the URL is used up.
    """

    def __init__(self, workspace: Workspace, faults: Faults) -> None:
        self._workspace = workspace
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle one upload, with the pending fault of ``upload``, if any."""
        fault = self._faults.take("upload")
        if fault is not None and fault.when == "halfway":
            return await self._receive(request, fault)
        return await self._faults.around(request, fault, self._receive, fault_text)

    async def _receive(
        self, request: web.Request, halfway: Fault | None = None
    ) -> web.StreamResponse:
        if "Authorization" in request.headers:
            self._workspace.violations.append("upload: an Authorization header")
            return web.Response(status=400, text="ERROR - unexpected credentials")
        if request.content_length is None:
            self._workspace.violations.append("upload: no Content-Length")
            return web.Response(status=411, text="ERROR - length required")
        try:
            about = self._workspace.passes.redeem("upload", request.match_info["secret"])
        except PassError:
            return web.Response(status=404, text="ERROR - no such upload")
        file = self._workspace.file_table[about["file"]]
        if request.content_length != file.length or request.content_type.startswith("multipart/"):
            self._workspace.violations.append("upload: a body of another length than announced")
            return web.Response(status=500, text="ERROR - length")
        try:
            received = await self._read(request, file, halfway)
        except (ConnectionError, web.RequestPayloadError):
            self._workspace.violations.append("upload: the body ended early")
            raise
        if received is None:
            return cut(request) if halfway is None or halfway.loses_answer else fault_text(halfway)
        self._workspace.file_table[file.id] = received
        answer = self._workspace.upload_answer.replace("{length}", str(received.length))
        return web.Response(text=answer)

    async def _read(
        self, request: web.Request, file: File, halfway: Fault | None = None
    ) -> File | None:
        """Read the whole body; None if a fault ends it halfway."""
        keep = file.length <= self._workspace.keep_bytes
        content, digest, count = bytearray(), hashlib.sha256(), 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            count += len(chunk)
            if keep:
                content += chunk
            if halfway is not None and count >= file.length // 2:
                await self._faults.sit_out(halfway)
                if halfway.loses_answer or halfway.replaces_answer:
                    return None
                halfway = None
        if count != file.length:
            raise ConnectionError
        return replace(file, content=bytes(content), sha256=digest.hexdigest(), uploaded=True)


def fault_text(fault: Fault) -> web.Response:
    """Return a fault's answer as plain text, as the upload host sends it."""
    body = fault.body if fault.body is not None else f"ERROR - {fault.error or 'fault'}".encode()
    return web.Response(body=body, status=fault.status or 500, headers=dict(fault.headers))
