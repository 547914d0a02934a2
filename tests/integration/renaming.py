"""Another commit: a copy of the project in which events, rules and classes have other names."""

from __future__ import annotations

import ast
import io
import re
import shutil
import tokenize
from pathlib import Path
from typing import Final

import attrs

from machines import trace
from model import history
from pool import effects, events

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("pool", "model", "machines", "artifacts")
# Names in other people's code that happen to be those of our classes.
FOREIGN: Final = ("click.exceptions",)


def renamed_copy(folder: Path) -> dict[str, str]:
    """The copy is made; the new name of each class and rule is returned.

    Args:
        folder: where; it does not exist yet.
    """
    for part in PARTS:
        leave = shutil.ignore_patterns("__pycache__", "reports")
        shutil.copytree(ROOT / part, folder / part, ignore=leave)
    classes = {name: f"{name}Renamed" for name in class_names()}
    rules = {name: f"renamed_{name}" for name in rule_names(folder)}
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        path.write_text(with_rules(with_classes(text, classes), rules), encoding="utf-8")
    return classes | rules


def class_names() -> set[str]:
    """The names of all events, effects, records, commands and machines."""
    modules = (events, effects, history, trace)
    own = {
        name
        for module in modules
        for name, kind in vars(module).items()
        if attrs.has(kind) and kind.__module__ == module.__name__
    }
    return own | {node.name for node in _machines(ROOT)}


def rule_names(root: Path) -> set[str]:
    """The names of all rules."""
    return {
        node.name
        for machine in _machines(root)
        for node in machine.body
        if isinstance(node, ast.FunctionDef) and _is_rule(node)
    }


def _machines(root: Path) -> list[ast.ClassDef]:
    trees = [ast.parse(path.read_text()) for path in sorted((root / "machines").glob("*.py"))]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [it for it in classes if any(map(_is_rule, it.body)) or it.name.endswith("Machine")]


def _is_rule(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    calls = [it.func for it in node.decorator_list if isinstance(it, ast.Call)]
    return any(isinstance(func, ast.Name) and func.id == "rule" for func in calls)


def with_classes(text: str, names: dict[str, str]) -> str:
    """The source with these names changed wherever code uses them; texts stay as they are."""
    lines = text.splitlines(keepends=True)
    tokens = [it for it in tokenize.generate_tokens(io.StringIO(text).readline) if it.string]
    for token in reversed(tokens):
        row, column = token.start
        before, rest = lines[row - 1][:column], lines[row - 1][column:]
        if token.type == tokenize.STRING and "f" in token.string[:2].lower():
            lines[row - 1] = before + _in_braces(rest, names)
        elif token.type == tokenize.NAME and not before.rstrip(".").endswith(FOREIGN):
            new = names.get(token.string, token.string)
            lines[row - 1] = before + new + rest[len(token.string) :]
    return "".join(lines)


def _in_braces(text: str, names: dict[str, str]) -> str:
    """The text with names changed that stand in the braces of a formatted string."""
    words = re.compile(rf"\b({'|'.join(names)})\b")
    return re.sub(r"\{[^{}]*\}", lambda it: words.sub(lambda name: names[name[0]], it[0]), text)


def with_rules(text: str, names: dict[str, str]) -> str:
    """The source with the names of decorated methods changed."""
    return re.sub(
        r"(    @(?:rule|precondition)\([^@]*?\n    def )(\w+)\(",
        lambda it: f"{it[1]}{names.get(it[2], it[2])}(",
        text,
        flags=re.DOTALL,
    )
