"""The pictures of the tables: each lifecycle's graph as Mermaid text, which the page draws.

`python -m machines.pictures` writes those in `docs/graphs.md` anew; what stands around them stays.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model import graph

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).parents[1] / "docs" / "graphs.md"
LABEL_MAX: Final = 24  # characters in a line of a label; longer ones make the arrows part
_MARKED: Final = re.compile(r"<!-- picture: (\w+) -->\n.*?<!-- end -->\n", re.DOTALL)


def picture(of: str) -> str:
    """The table's graph is returned as Mermaid text, one arrow for each two states.

    Args:
        of: `worker`, `session`, `breaker` or `task`.
    """
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _lines(of))])


def _lines(of: str) -> Iterator[str]:
    drawn = graph.graph(of)
    yield f"[*] --> {graph.FIRSTS[of]}"
    for before in drawn:
        for after, because in drawn[before].items():
            yield f"{before} --> {after}: {_label(list(because))}"
    for state in graph.final(of):
        yield f"{state} --> [*]"


def _label(reasons: list[str]) -> str:
    lines = [""]
    for reason in reasons:
        joined = f"{lines[-1]}, {reason}" if lines[-1] else reason
        if len(joined) > LABEL_MAX and lines[-1]:
            lines[-1] += ","
            lines.append(reason)
        else:
            lines[-1] = joined
    return "<br/>".join(lines)


def soonest(of: str) -> Iterator[str]:
    """The lines of a table are yielded: every state, and the fewest moves that lead there.

    Args:
        of: `worker`, `session`, `breaker` or `task`.
    """
    yield "| state | the fewest moves that lead there |"
    yield "| --- | --- |"
    for state, reasons in graph.ways(of).items():
        yield f"| {state} | {', '.join(reasons) or 'none: here it begins'} |"


def redrawn(page: str) -> str:
    """The page is returned with every picture in it, and the table below that, as they are now.

    Args:
        page: its text, in which a comment says where each picture stands.
    """
    return _MARKED.sub(lambda found: _block(found[1]), page)


def _block(of: str) -> str:
    table = "\n".join(soonest(of))
    return f"<!-- picture: {of} -->\n```mermaid\n{picture(of)}\n```\n\n{table}\n<!-- end -->\n"


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text()))
