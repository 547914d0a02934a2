"""Counts what the project consists of, and prints it as JSON.

python -m machines.completion.count
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("model", "pool", "machines", "tests", "examples")
NESTED: Final = ("machines", "tests")  # whose folders are rooms of their own


def main() -> None:
    """Print the counts."""
    print(json.dumps(counted(ROOT), indent=1))  # noqa: T201 - what it is for


def counted(root: Path) -> dict[str, Any]:
    """The components and the statistics of the project in this folder.

    Args:
        root: the project's folder.
    """
    return {"components": [component(root, room) for room in rooms(root)], **statistics(root)}


def rooms(root: Path) -> Iterator[Path]:
    """The folders that hold Python files, those of each package below it.

    Args:
        root: the project's folder.
    """
    for name in ROOMS:
        folder = root / name
        if any(folder.glob("*.py")):
            yield folder
        if name in NESTED:
            below = sorted({path.parent for path in sources(folder)} - {folder})
            yield from (path for path in below if path.parent == folder)


def sources(folder: Path) -> list[Path]:
    """The Python files in the folder and below, but for hidden folders.

    Args:
        folder: which.
    """
    found = sorted(folder.rglob("*.py"))
    return [path for path in found if "/." not in f"/{path.relative_to(folder)}"]


def component(root: Path, room: Path) -> dict[str, Any]:
    """One folder: what it says of itself, its files and its lines; of a package all below it.

    Args:
        root: the project's folder.
        room: the folder.
    """
    nested = room.parent == root and room.name in NESTED
    files = sorted(room.glob("*.py")) if nested else sources(room)
    return {
        "room": str(room.relative_to(root)),
        "says": _says(room / "__init__.py"),
        "files": len(files),
        "lines": sum(_lines(path) for path in files),
    }


def statistics(root: Path) -> dict[str, Any]:
    """The project's numbers.

    Args:
        root: the project's folder.
    """
    from machines.fault import CATALOGUE  # noqa: PLC0415 - so that counting a folder needs no pool
    from machines.mutants import MUTANTS  # noqa: PLC0415 - the same
    from machines.reachable import load  # noqa: PLC0415 - the same
    from machines.roster import MACHINES  # noqa: PLC0415 - the same
    from machines.trace import COMMANDS  # noqa: PLC0415 - the same
    from model.moves import legal  # noqa: PLC0415 - the same
    from model.promises import WORDS  # noqa: PLC0415 - the same

    files = [path for room in ROOMS for path in sources(root / room)]
    saved = [json.loads(path.read_text()) for path in _saved(root)]
    return {
        "statistics": {
            "Python files": len(files),
            "lines in them": sum(_lines(path) for path in files),
            "functions and methods": sum(_functions(path) for path in files),
            "pages of documentation": len(list((root / "docs").glob("*.md"))),
            "decisions": len(list((root / "docs" / "decisions").glob("*.md"))),
            "promises of the model": len(WORDS),
            "rows of the lifecycles": len(list(legal())),
            "transitions that can fire": len(load().tuples),
            "machines": len(MACHINES),
            "commands of a schedule": len(COMMANDS),
            "faults": len(CATALOGUE),
            "planted bugs": len(MUTANTS),
            "saved counterexamples": len(saved),
            "of them open": sum(one.get("status") == "open" for one in saved),
        }
    }


def _saved(root: Path) -> list[Path]:
    return sorted((root / "artifacts" / "counterexamples").glob("*.json"))


def _says(file: Path) -> str:
    """The first sentence of a package's docstring."""
    if not file.is_file():
        return ""
    words = ast.get_docstring(ast.parse(file.read_text())) or ""
    return words.partition("\n\n")[0].replace("\n", " ").rstrip(".")


def _lines(path: Path) -> int:
    return path.read_text().count("\n")


def _functions(path: Path) -> int:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return sum(isinstance(node, kinds) for node in ast.walk(ast.parse(path.read_text())))


if __name__ == "__main__":
    main()
