"""The page as a web application; it listens nowhere by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
from bot.sandbox.page.document import document
from bot.sandbox.page.people import Acting, Form
from bot.sandbox.page.product import Product
from bot.sandbox.page.scene import Viewpoint, World
from bot.sandbox.page.traffic import WatchedDelivery
from bot.sandbox.page.trials import TRIALS, Trials
from bot.sandbox.person import SlackPerson

LOOK_SECONDS: Final = 0.15
KEEP_ALIVE_LOOKS: Final = 100
AFTERWARDS_LOOKS: Final = 4
"""What the bot stores after its last request shows in no request: one looks again so much later."""
HERE: Final = Path(__file__).parent
STYLES: Final = (HERE.parent / "render" / "style.css", HERE / "page.css")
HOSTS: Final = ("127.0.0.1", "localhost")
TRIAL_NAMES: Final = frozenset(trial.name for trial in TRIALS)
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
Act = Callable[[Viewpoint, Form], Awaitable[None]]


class SandboxPage:
    """The sandbox as a page: it draws what is there, and sends what people do to the bot."""

    def __init__(
        self, world: World, product: Product, delivery: WatchedDelivery, slack_faults: Faults
    ) -> None:
        self._world = world
        self._product = product
        self._delivery = delivery
        people = SlackPerson(world.workspace, delivery)
        self._acting = Acting(world.workspace, people, world.names.all)
        self._trials = Trials(world, product, people, slack_faults)
        self._closing = asyncio.Event()
        acts: dict[str, Act] = {
            "/say": self._say,
            "/press": self._press,
            "/submit": self._submit,
            "/close": self._close,
            "/shortcut": self._shortcut,
            "/trial": self._trial,
        }
        self.app = Starlette(
            routes=[
                Route("/", self._show),
                Route("/changes", self._changes),
                Route("/style.css", self._style),
                Route("/live.js", self._script),
                Route("/audio/{file_id}", self._audio),
                *(Route(path, self._acted(act), methods=["POST"]) for path, act in acts.items()),
            ]
        )

    def close(self) -> None:
        """End the open streams, so that the server can stop."""
        self._closing.set()

    async def _show(self, request: Request) -> Response:
        if not _is_here(request):
            return PlainTextResponse("This page is for this machine alone.", status_code=403)
        place = self._place({key: [value] for key, value in request.query_params.items()})
        if place.is_home:
            await self._acting.open_home(place.user_id)
        state = self._state()
        modal = self._acting.modal(place.user_id)
        errors = self._acting.errors.get(modal.id, {}) if modal else {}
        drawn = await document(
            self._world,
            self._product,
            self._delivery,
            place,
            modal=modal,
            errors=errors,
            results=self._trials.results,
            state=state,
        )
        return HTMLResponse(drawn, headers=HEADERS)

    def _acted(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            origin = request.headers.get("origin")
            own = f"http://{request.headers.get('host')}"
            if not _is_here(request) or origin not in (None, own):
                return PlainTextResponse("Not from this page.", status_code=403)
            form = parse_qs((await request.body()).decode(), keep_blank_values=True)
            place = self._place(form)
            await act(place, form)
            home = "1" if place.is_home else ""
            return RedirectResponse(place.link(home=home), status_code=303)

        return answer

    def _place(self, given: Form) -> Viewpoint:
        """Read where somebody is; what is unknown becomes the first there is."""
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

    async def _say(self, place: Viewpoint, form: Form) -> None:
        await self._acting.write(place.user_id, place.channel_id, form.get("text", [""])[0])

    async def _press(self, place: Viewpoint, form: Form) -> None:
        await self._acting.press(place.user_id, place.channel_id, form)

    async def _submit(self, place: Viewpoint, form: Form) -> None:
        await self._acting.submit(place.user_id, form["view"][0], form)

    async def _close(self, _place: Viewpoint, form: Form) -> None:
        self._acting.close(form["view"][0])

    async def _shortcut(self, place: Viewpoint, form: Form) -> None:
        await self._acting.shortcut(place.user_id, place.channel_id, form.get("ts", [""])[0])

    async def _trial(self, _place: Viewpoint, form: Form) -> None:
        if form["trial"][0] in TRIAL_NAMES:
            await self._trials.run(form["trial"][0])

    async def _audio(self, request: Request) -> Response:
        workspace = self._world.workspace
        file_id = request.path_params["file_id"]
        if not _is_here(request) or not workspace.sees_file(
            request.query_params.get("as", ""), file_id
        ):
            return PlainTextResponse("They see no such file.", status_code=404)
        content = workspace.file_table[file_id].content
        return Response(content, media_type="audio/wav", headers=HEADERS)

    async def _changes(self, request: Request) -> Response:
        if not _is_here(request):
            return PlainTextResponse("Not here.", status_code=403)
        known = request.query_params.get("since", "")
        return StreamingResponse(
            self._tell(known), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _tell(self, known: str) -> AsyncIterator[str]:
        """Say that something changed since the page was drawn, as often as it does."""
        looks, last_change = 0, -AFTERWARDS_LOOKS
        yield "retry: 1000\n\n"
        while not self._closing.is_set():
            now, looks = self._state(), looks + 1
            if now != known:
                known, last_change = now, looks
                yield "data: changed\n\n"
            elif looks == last_change + AFTERWARDS_LOOKS:
                yield "data: changed\n\n"
            elif looks % KEEP_ALIVE_LOOKS == 0:
                yield ": still here\n\n"
            await asyncio.sleep(LOOK_SECONDS)

    def _state(self) -> str:
        workspace = self._world.workspace
        state = (
            len(workspace.calls),
            len(workspace.ephemerals),
            sum(map(len, workspace.timeline.values())),
            tuple(view.hash for view in workspace.views.values()),
            tuple(view.hash for view in workspace.homes.values()),
            tuple(workspace.channels.values()),
            tuple(file.deleted for file in workspace.files),
            len(self._world.polyai.requests),
            len(self._delivery.steps),
            tuple(self._trials.results.items()),
        )
        return f"{hash(state):x}"

    async def _style(self, _request: Request) -> Response:
        sheets = "\n".join(path.read_text() for path in STYLES)
        return Response(sheets, media_type="text/css", headers=HEADERS)

    async def _script(self, _request: Request) -> Response:
        script = (HERE / "live.js").read_text()
        return Response(script, media_type="text/javascript", headers=HEADERS)


def _is_here(request: Request) -> bool:
    """Whether this machine was addressed: a name that leads here from elsewhere is refused."""
    return request.url.hostname in HOSTS
