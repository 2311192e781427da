"""The story of the documents, played on the page in one click."""

import asyncio

from bot.sandbox.page.product import Product, Scene
from bot.sandbox.person import SlackPerson


class Story:
    """Plays the story, one scene at a time, and keeps the outcome of each."""

    def __init__(self, product: Product, people: SlackPerson, turn: asyncio.Lock) -> None:
        self._product = product
        self._people = people
        self._turn = turn
        self.scenes: list[Scene] = []
        self.is_running = False

    async def play(self) -> None:
        """Play it from the beginning; no fault trial runs meanwhile."""
        async with self._turn:
            self.scenes.clear()
            self.is_running = True
            try:
                async for scene in self._product.story(self._people):
                    self.scenes.append(scene)
            finally:
                self.is_running = False
