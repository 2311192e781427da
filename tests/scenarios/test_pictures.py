"""README's pictures are of the bot as it is: the story is told again and compared with them."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from bot.sandbox.render.markup import Html
from tests.pictures.freshness import FOLDER, THEMES, fingerprint, path_of, remembered
from tests.pictures.scenes import SCENES, tell
from tests.pictures.story import open_story

README = (FOLDER.parent / "README.md").read_text()
LARGEST_BYTES = 150_000


async def test_the_pictures_show_what_the_bot_writes(template_databases: Path, tmp_path: Path):
    shutil.copytree(template_databases, tmp_path, dirs_exist_ok=True)
    async with open_story(f"sqlite:///{tmp_path}/callaudio.db") as story:
        pages = await tell(story)
    told = {name: fingerprint(drawn) for name, drawn in pages.items()}
    changed = sorted(name for name, one in told.items() if one != remembered().get(name))
    assert changed == [], "out of date: look at them after `make pictures`"
    assert story.workspace.violations == []


def test_the_repository_has_each_picture_in_both_themes_and_no_other():
    wanted = {path_of(name, theme) for name in SCENES for theme in THEMES}
    assert set(FOLDER.glob("*.png")) == wanted
    assert set(remembered()) == set(SCENES)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", SCENES)
def test_a_picture_is_sharp_and_small(name, theme):
    path = path_of(name, theme)
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "P")
        assert picture.width > 1000
    assert path.stat().st_size < LARGEST_BYTES


@pytest.mark.parametrize("name", SCENES)
def test_readme_shows_it_in_the_theme_of_who_reads(name):
    dark, light = (f".pictures/{name}-{theme}.png" for theme in ("dark", "light"))
    assert f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">' in README
    (alt,) = re.findall(rf'<img src="{re.escape(light)}" width="\d+" alt="([^"]+)">', README)
    assert len(alt) > 20


def test_readme_shows_no_picture_that_is_not_there():
    named = set(re.findall(r"\.pictures/[\w-]+\.png", README))
    assert [name for name in named if not (FOLDER.parent / name).exists()] == []


def test_another_word_makes_a_picture_old_and_another_reference_does_not():
    was = fingerprint(Html("<p>Fetched d0123456789abcdef0123</p>"))
    assert fingerprint(Html("<p>Fetching d0123456789abcdef0123</p>")) != was
    assert fingerprint(Html("<p>Fetched dffffffffffffffffffff</p>")) == was
