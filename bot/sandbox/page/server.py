"""The page as an ASGI application, served by its caller; other machines and pages are refused."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from bot.sandbox.faults import Faults
from bot.sandbox.page.changes import Changes
from bot.sandbox.page.document import Shown, document
from bot.sandbox.page.own_call import MOST_BYTES, NoRecordingError, OwnCalls
from bot.sandbox.page.people import Acting
from bot.sandbox.page.product import ChainCheck, Product
from bot.sandbox.page.scene import Form, Viewpoint, World
from bot.sandbox.page.traffic import WatchedDelivery
from bot.sandbox.page.trials import Story, Trials
from bot.sandbox.page.why import Versions
from bot.sandbox.person import SlackPerson

HOSTS: Final = ("127.0.0.1", "localhost")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
HERE: Final = Path(__file__).parent
STYLES: Final = (HERE.parent / "render" / "style.css", HERE / "page.css")
REDRAWS: Final = "x-redraws"
"""The header of a redraw of an open page, for which the Home is not opened again."""
Act = Callable[[Viewpoint, Form], Awaitable[None]]


class SandboxPage:
    """The sandbox as a page: draws the workspace, and sends people's actions to the bot."""

    def __init__(
        self, world: World, product: Product, delivery: WatchedDelivery, slack_faults: Faults
    ) -> None:
        self._world = world
        self._product = product
        self._delivery = delivery
        self._people = people = SlackPerson(world.workspace, delivery)
        self._acting = Acting(world.workspace, people, world.names.all)
        turn = asyncio.Lock()
        self._trials = Trials(world, product, people, slack_faults, turn)
        self._story = Story(product, people, turn)
        self._own_calls = OwnCalls(world.polyai, world.names.agent_id)
        self._versions = Versions(world.polyai)
        self._check: ChainCheck | None = None
        self._changes = Changes(world, self._others)
        acts: dict[str, Act] = {
            "/say": self._acting.write,
            "/press": self._acting.press,
            "/submit": self._acting.submit,
            "/close": self._acting.close,
            "/shortcut": self._acting.shortcut,
            "/trial": self._trials.run,
            "/story": self._story.play,
            "/verify": self._verify,
        }
        self.app = Starlette(
            routes=[
                Route("/", self._show),
                Route("/changes", self._changes_since),
                Route("/recording", self._record, methods=["POST"]),
                Route("/style.css", self._style),
                Route("/live.js", self._script),
                Route("/audio/{file_id}", self._audio),
                *(Route(path, self._acted(act), methods=["POST"]) for path, act in acts.items()),
            ]
        )

    def close(self) -> None:
        """End the open streams, so that the server can stop."""
        self._changes.close()

    async def _show(self, request: Request) -> Response:
        if not _is_here(request):
            return PlainTextResponse("This page is only for this machine.", status_code=403)
        place = self._place({key: [value] for key, value in request.query_params.items()})
        if place.is_home and REDRAWS not in request.headers:
            await self._people.home_opened(place.user_id)
        state = self._changes.state()
        modal = self._acting.modal(place.user_id)
        errors = self._acting.errors.get(modal.id, {}) if modal else {}
        shown = Shown(
            modal=modal,
            errors=errors,
            results=self._trials.results,
            story=self._story,
            versions=self._versions,
            check=self._check,
            state=state,
        )
        drawn = await document(self._world, self._product, self._delivery, place, shown)
        return HTMLResponse(drawn, headers=HEADERS)

    def _acted(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if not _is_own(request):
                return PlainTextResponse("Not from this page.", status_code=403)
            form = parse_qs((await request.body()).decode(), keep_blank_values=True)
            place = self._place(form)
            await act(place, form)
            home = "1" if place.is_home else ""
            return RedirectResponse(place.link(home=home), status_code=303)

        return answer

    def _place(self, given: Form) -> Viewpoint:
        """Read the place; unknown people and channels are replaced by the first ones."""
        world = self._world
        user_id, channel_id = given.get("as", [""])[0], given.get("in", [""])[0]
        if user_id not in world.names.people:
            user_id = next(iter(world.names.people))
        own = world.direct_messages(user_id)
        if channel_id not in (*world.names.channels, own):
            channel_id = next(iter(world.names.channels))
        return Viewpoint(
            user_id, channel_id, bool(given.get("home", [""])[0]), given.get("why", [""])[0]
        )

    async def _verify(self, _place: Viewpoint, _form: Form) -> None:
        self._check = await self._product.check_chain()

    def _others(self) -> tuple[object, ...]:
        return (
            len(self._delivery.steps),
            tuple(self._trials.results.items()),
            len(self._story.scenes),
            self._story.is_running,
            self._check and self._check.head,
        )

    async def _audio(self, request: Request) -> Response:
        workspace = self._world.workspace
        file_id = request.path_params["file_id"]
        if not _is_here(request) or not workspace.sees_file(
            request.query_params.get("as", ""), file_id
        ):
            return PlainTextResponse("They see no such file.", status_code=404)
        content = workspace.file_table[file_id].content
        return Response(content, media_type="audio/wav", headers=HEADERS)

    async def _changes_since(self, request: Request) -> Response:
        if not _is_here(request):
            return PlainTextResponse("Not here.", status_code=403)
        stream = self._changes.since(request.query_params.get("since", ""))
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _record(self, request: Request) -> Response:
        """Accept a WAV as a call's recording; answers with the call's id or an error."""
        if not _is_own(request):
            return PlainTextResponse("Not from this page.", status_code=403)
        wav = bytearray()
        async for piece in request.stream():
            wav += piece
            if len(wav) > MOST_BYTES:
                break
        try:
            call = self._own_calls.add(bytes(wav), request.query_params.get("mute", ""))
        except NoRecordingError as error:
            return PlainTextResponse(str(error), status_code=400)
        return PlainTextResponse(call, headers=HEADERS)

    async def _style(self, _request: Request) -> Response:
        sheets = "\n".join(path.read_text() for path in STYLES)
        return Response(sheets, media_type="text/css", headers=HEADERS)

    async def _script(self, _request: Request) -> Response:
        script = (HERE / "live.js").read_text()
        return Response(script, media_type="text/javascript", headers=HEADERS)


def _is_own(request: Request) -> bool:
    """Whether this page sent the request."""
    own = f"http://{request.headers.get('host')}"
    return _is_here(request) and request.headers.get("origin") in (None, own)


def _is_here(request: Request) -> bool:
    """Whether the request names this machine; other names that resolve to it are refused."""
    return request.url.hostname in HOSTS
