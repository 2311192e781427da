"""Importing a module of ours has no effect: it builds things only when it is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Libraries are imported first, because their own effects do not count. Effects after that, with one
# of our files on the stack, are ours.
SCRIPT = """
import importlib, json, os, pkgutil, sys, threading

import bot.cli.serve
at_start = list(sys.modules)

ours = os.path.join(os.getcwd(), "bot") + os.sep
names = ["bot", *(each.name for each in pkgutil.walk_packages(["bot"], "bot."))]
names = [name for name in names if name != "bot.__main__"] + ["bot.__main__"]
for name in names:
    importlib.import_module(name)
for name in names:
    del sys.modules[name]

done = []

def ours_on_stack():
    frame = sys._getframe(2)
    while frame:
        if frame.f_code.co_filename.startswith(ours):
            return os.path.relpath(frame.f_code.co_filename)
        frame = frame.f_back

LOUD = ("socket.", "subprocess.", "sqlite3.connect", "os.system", "os.exec", "os.fork", "os.mkdir",
        "os.remove", "os.rename", "os.rmdir", "signal.", "shutil.", "tempfile.")

def hook(event, args):
    wrote = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if (wrote or event.startswith(LOUD)) and (place := ours_on_stack()):
        done.append([event, place, repr(args)[:200]])

def note(method):
    def noting(self, *args, **named):
        frame = sys._getframe(1)
        while frame and frame.f_code.co_filename.endswith(("os.py", "os>", "abc.py", "abc>")):
            frame = frame.f_back
        if frame and frame.f_code.co_filename.startswith(ours):
            done.append(["os.environ", os.path.relpath(frame.f_code.co_filename), repr(args)])
        return method(self, *args, **named)
    return noting

for name in ("__getitem__", "__iter__"):
    setattr(type(os.environ), name, note(getattr(type(os.environ), name)))

def start(thread):
    done.append(["thread", ours_on_stack(), repr(thread)])
    begin(thread)

begin, threading.Thread.start = threading.Thread.start, start
sys.addaudithook(hook)
for name in names:
    importlib.import_module(name)
of_modules = list(done)
done.clear()
exec(compile(sys.argv[1], ours + "made_up.py", "exec"), {})
print(json.dumps({
    "at_start": at_start, "modules": len(names), "done": of_modules, "made_up": done
}))
"""


@pytest.fixture(scope="session")
def seen() -> dict:
    """The recorded effects of a bot's start, of importing all modules, and of a made-up module."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, MADE_UP],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_importing_every_module_does_nothing(seen):
    assert seen["modules"] > 60
    assert seen["done"] == []


MADE_UP = """
import os, socket, sqlite3, threading
socket.socket().close()
os.environ.get("HOME")
dict(os.environ)
threading.Thread(target=id, args=(1,)).start()
open("/dev/null", "w").close()
sqlite3.connect(":memory:").close()
"""


def test_the_check_would_notice_what_a_module_did(seen):
    events = {event for event, place, _ in seen["made_up"] if place == "bot/made_up.py"}
    assert events >= {"socket.__new__", "os.environ", "thread", "open", "sqlite3.connect"}


SLEEPING = ("alembic", "bot.sandbox", "fontpkg", "matplotlib", "numpy", "PIL", "psycopg")


def test_a_bot_on_sqlite_loads_only_what_its_start_needs(seen):
    assert {"bot.cli.serve", "bot.slack.digests.gateway"} <= set(seen["at_start"])
    assert [name for name in SLEEPING if name in seen["at_start"]] == []
