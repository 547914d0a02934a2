"""Place: where a history is, said by an option, a variable, or nobody."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE: Final = "POOLCHECK_HISTORY"
PART_OF: Final = "POOLCHECK_HISTORY_RUN"
FILE: Final = "artifacts/history.sqlite"
NOWHERE: Final = "none"
_POSTGRES: Final = re.compile(r"^postgres(ql)?(\+psycopg)?://")
_SECRET: Final = re.compile(r"(://[^:/@]*):[^@]*@")


def place_of(said: str | None, root: Path) -> str:
    """Where the history is: as an SQLAlchemy URL; empty for `none`.

    Args:
        said: a URL, a file's name, `none`, or nothing: then `$POOLCHECK_HISTORY` is asked, and
            else it is `artifacts/history.sqlite`.
        root: the project's folder, from which a file's name counts.

    Raises:
        ValueError: it is a URL of neither database.
    """
    said = said or os.environ.get(VARIABLE) or FILE
    if said == NOWHERE:
        return ""
    if _POSTGRES.match(said):
        return _POSTGRES.sub("postgresql+psycopg://", said)
    file = said.removeprefix("sqlite:///")
    if "://" in file:
        words = f"{named(said)}: a history is a file, sqlite:///FILE, postgresql://…, or {NOWHERE}"
        raise ValueError(words)
    return f"sqlite:///{(root / file).absolute()}"


def named(place: str) -> str:
    """The place without its password."""
    return _SECRET.sub(r"\1:***@", place).removeprefix("sqlite:///")
