"""The documents' pictures show the current bot: the story is repeated and compared."""

import re
import shutil

from PIL import Image

from bot.sandbox.render.markup import Html
from tests.pictures.freshness import FOLDER, THEMES, fingerprint, path_of, remembered
from tests.pictures.scenes import SCENES, tell
from tests.pictures.story import open_story
from tests.tables import each_row

ROOT = FOLDER.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Paths as in README; documents in docs/ go up one folder.
TEXT = "\n".join(path.read_text().replace('"../.pictures', '".pictures') for path in DOCUMENTS)
LARGEST_BYTES = 150_000


async def test_the_pictures_show_what_the_bot_posts(template_databases, tmp_path):
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


@each_row("theme", THEMES)
@each_row("name", SCENES)
def test_a_picture_is_sharp_and_small(name, theme):
    path = path_of(name, theme)
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "P")
        assert picture.width > 1000
    assert path.stat().st_size < LARGEST_BYTES


@each_row("name", SCENES)
def test_a_document_shows_a_picture_in_the_readers_theme(name):
    dark, light = (f".pictures/{name}-{theme}.png" for theme in ("dark", "light"))
    assert f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">' in TEXT
    (alt, *_) = re.findall(rf'<img src="{re.escape(light)}" width="\d+" alt="([^"]+)">', TEXT)
    assert len(alt) > 20


def test_no_document_refers_to_a_missing_picture():
    named = set(re.findall(r"\.pictures/[\w-]+\.png", TEXT))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_another_word_makes_a_picture_outdated_and_another_reference_does_not():
    was = fingerprint(Html("<p>Fetched d0123456789abcdef0123</p>"))
    assert fingerprint(Html("<p>Fetching d0123456789abcdef0123</p>")) != was
    assert fingerprint(Html("<p>Fetched dffffffffffffffffffff</p>")) == was
