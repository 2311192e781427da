"""Modules, classes and functions are named in the field's terms, as the glossary has them."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

BOT = Path(__file__).parents[2] / "bot"
# Words this project once used for itself, each with the field's word.
COINED = {
    "asker": "requester",
    "askers": "requesters",
    "asking": "requests",
    "presses": "action authorization",
    "insiders": "workspace membership",
    "approvers": "reviewers",
    "approving": "review",
    "rounds": "notify",
    "endings": "completion",
    "book": "store",
    "homes": "home store",
    "gets": "http",
    "translation": "error mapping",
    "trust": "mark verified",
    "tell": "notify",
    "telling": "notification",
    "told": "notified",
    "untold": "not notified, unaudited",
    "doubt": "unverified, inconclusive",
    "doubted": "unverified",
    "doubtful": "unverified",
    "look": "check, poll",
    "looks": "checks",
    "looked": "checked",
    "unlearnt": "unknown facts",
    "spelt": "the format, or what the text is",
    "wish": "request",
    "spell": "format, build",
    "spelled": "formatted, built",
    "afresh": "again",
    "anew": "again",
    "whoever": "the person who",
}
ALLOWED = {
    # TLS has trust anchors.
    "trust",
    "trust_of",
    "_usual_trust",
    # A column of the demo's table: what a person gets.
    "gets",
    # The rounds in which a queue serves each of its flows once, and those of one delivery.
    "ROUNDS_OF_FLOW",
    "MAX_ROUNDS",
    # Of numbers in a sentence, as in 2nd.
    "_ENDINGS",
}

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@cache
def statements_of(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text()).body


@cache
def named(path: Path) -> tuple[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """Every class and function of a module. They are statements, so expressions are skipped."""
    found, blocks = [], [statements_of(path)]
    while blocks:
        for statement in blocks.pop():
            if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(statement)
            blocks += [getattr(statement, name, []) for name in BLOCKS]
    return tuple(found)


def names() -> Iterator[tuple[str, str]]:
    """Every name that is defined in the product, but for local variables, and where it is."""
    for path in BOT.rglob("*.py"):
        place = path.relative_to(BOT).as_posix()
        yield place, path.stem
        yield from ((place, name) for name in assigned(statements_of(path)))
        for node in named(path):
            yield f"{place}:{node.lineno}", node.name
            for name in parts_of(node):
                yield f"{place}:{node.lineno} {node.name}", name


def parts_of(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The fields or members of a class, or the parameters of a function."""
    if isinstance(node, ast.ClassDef):
        yield from assigned(node.body)
    else:
        yield from (each.arg for each in (*node.args.args, *node.args.kwonlyargs))


def assigned(body: list[ast.stmt]) -> Iterator[str]:
    """What a module or class assigns: constants, fields, members of an enum."""
    for each in body:
        targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


def test_no_name_is_coined_where_the_field_has_a_word():
    found = {
        f"{place} {name}": [COINED[word] for word in words_of(name) & set(COINED)]
        for place, name in names()
        if name not in ALLOWED
    }
    assert {place: better for place, better in found.items() if better} == {}


def test_no_two_classes_have_one_name():
    classes = Counter(
        node.name
        for path in BOT.rglob("*.py")
        for node in named(path)
        if isinstance(node, ast.ClassDef)
    )
    assert len(classes) > 300
    assert [name for name, times in classes.items() if times > 1] == []


def test_the_check_finds_coined_words_in_a_name():
    assert words_of("AskerNotAllowed") & set(COINED) == {"asker"}
    assert list(assigned(ast.parse("A = 1\nUNTOLD: int = 2").body)) == ["A", "UNTOLD"]
    assert words_of("request_book") & set(COINED) == {"book"}
