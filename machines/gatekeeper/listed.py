"""The list of counterexamples: what must be replayed, so that a file that is gone is missed.

`artifacts/counterexamples/LIST` names each saved file on a line. `poolcheck refresh` adds what is
new; what is no longer to be replayed is taken out of it by hand, in plain sight.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LIST: Final = "artifacts/counterexamples/LIST"


def listed(root: Path = Path()) -> list[str]:
    """The names of the files that must be replayed, without their ending, in order.

    Args:
        root: the project's folder.
    """
    file = root / LIST
    return sorted(file.read_text().split()) if file.exists() else []


def unlisted(root: Path = Path()) -> list[str]:
    """The names of saved files that the list does not have yet.

    Args:
        root: the project's folder.
    """
    saved = {path.stem for path in (root / LIST).parent.glob("*.json")}
    return sorted(saved.difference(listed(root)))


def text(names: Iterable[str]) -> str:
    """The list's text.

    Args:
        names: of the files, without their ending.
    """
    return "".join(f"{name}\n" for name in sorted(set(names)))
