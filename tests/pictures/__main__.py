"""Draws the documents' pictures again: `make pictures`; `ARGS=thread` draws only that one. Needs
Chromium; `CHROMIUM=…` names its program.
"""

import asyncio
import logging
import sys
import tempfile

from bot.observability.logs import configure_logging
from bot.sandbox.render.markup import Html
from bot.store.engines import async_url
from bot.store.schema import upgrade
from tests.pictures.chromium import capture
from tests.pictures.demo_page import SIZE_PX, in_theme, is_document
from tests.pictures.freshness import FOLDER, THEMES, path_of, remember
from tests.pictures.pages import page
from tests.pictures.scenes import SCENES, tell
from tests.pictures.story import open_story


async def play() -> dict[str, Html]:
    with tempfile.TemporaryDirectory(prefix="callaudio-pictures-") as folder:
        database_url = f"sqlite:///{folder}/story.db"
        upgrade(async_url(database_url))
        async with open_story(database_url) as story:
            return await tell(story)


def main() -> None:
    configure_logging("console")
    logging.getLogger().setLevel(logging.ERROR)
    pages = asyncio.run(play())
    FOLDER.mkdir(exist_ok=True)
    names = sys.argv[1:] or list(SCENES)
    for name in names:
        for theme in THEMES:
            target = path_of(name, theme)
            if is_document(pages[name]):
                capture(in_theme(pages[name], theme), target, SIZE_PX)
            else:
                capture(page(pages[name], theme=theme), target)
            print(f"{target.name}: {target.stat().st_size // 1000} kB")
    remember(pages, names)


if __name__ == "__main__":
    main()
