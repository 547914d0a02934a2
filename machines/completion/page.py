"""The page: what the commands said, as docs/completion-report.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.completion.catalogue import BASELINES, CHECKS, COLLECT, COUNT
from machines.completion.item import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from machines.completion.item import Item, Result

WORDS: Final = {
    Standing.HOLDS: "holds",
    Standing.VIOLATED: "**does not hold**",
    Standing.UNKNOWN: "**unknown**",
    Standing.LEFT_OUT: "not run",
}
COUNTED: Final = {
    Standing.HOLDS: "hold",
    Standing.VIOLATED: "do not",
    Standing.UNKNOWN: "unknown",
    Standing.LEFT_OUT: "not run",
}


@frozen
class Origin:
    """Where and when the report was made.

    Attributes:
        command: that makes it.
        commit: of the tree; empty where there is none.
        dirty: whether something differed from it.
        machine: Python, system and processors, in words.
        date: of its making, as ISO says.
    """

    command: str
    commit: str
    dirty: bool
    machine: str
    date: str


def page(
    results: Mapping[str, Result],
    components: Sequence[Mapping[str, Any]],
    gaps: str,
    origin: Origin,
) -> str:
    """The whole report, in Markdown.

    Args:
        results: by the items' names; those of all items.
        components: as `machines.completion.count` prints them.
        gaps: the text of docs/known-gaps.md, without its title.
        origin: where it was made.
    """
    parts = [
        *_head(results, origin),
        *_components(components),
        *_figures("Statistics", [COUNT, COLLECT], results),
        *_section("Checks", CHECKS, results),
        *_section("Baselines", BASELINES, results),
        "## Known gaps",
        "",
        "From [known-gaps.md](known-gaps.md).",
        "",
        gaps.strip(),
        "",
        *_commands(results),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _head(results: Mapping[str, Result], origin: Origin) -> Iterator[str]:
    dirty = ", with changes that are in no commit" if origin.dirty else ""
    commit = f"commit `{origin.commit[:12]}`{dirty}" if origin.commit else "no commit"
    yield "# Completion report"
    yield ""
    yield f"Made by `{origin.command}` on {origin.date}: {commit}; {origin.machine}."
    yield ""
    counts = {
        standing: sum(one.standing is standing for one in results.values()) for standing in Standing
    }
    said = [f"{counts[standing]} {COUNTED[standing]}" for standing in Standing if counts[standing]]
    yield f"Of {len(results)} commands: {', '.join(said)}."
    yield ""


def _components(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Components"
    yield ""
    yield f"`{COUNT.line}`"
    yield ""
    yield "| folder | what it is | files | lines |"
    yield "| --- | --- | --- | --- |"
    for one in components:
        yield f"| `{one['room']}/` | {_cell(one['says'])} | {one['files']} | {one['lines']:,} |"
    yield ""


def _figures(title: str, items: Sequence[Item], results: Mapping[str, Result]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| what | how many | command |"
    yield "| --- | --- | --- |"
    for item in items:
        result = results[item.name]
        for name, value in result.figures or ((item.name, result.why),):
            yield f"| {_cell(name)} | {_cell(value)} | `{_cell(item.line)}` |"
    yield ""


def _section(title: str, items: Sequence[Item], results: Mapping[str, Result]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for item in items:
        result = results[item.name]
        why = f": {result.why}" if result.why else ""
        yield f"**{item.name}** ({WORDS[result.standing]}{_cell(why)}; `{item.line}`)"
        yield ""
        if result.figures:
            yield "| what | figure |"
            yield "| --- | --- |"
            yield from (f"| {_cell(name)} | {_cell(value)} |" for name, value in result.figures)
            yield ""


def _commands(results: Mapping[str, Result]) -> Iterator[str]:
    yield "## Commands"
    yield ""
    yield "| command | came of it | seconds | of at most |"
    yield "| --- | --- | --- | --- |"
    for one in results.values():
        took = "-" if one.standing is Standing.LEFT_OUT else f"{one.seconds:.0f}"
        words = WORDS[one.standing]
        yield f"| `{_cell(one.item.line)}` | {words} | {took} | {one.item.budget_s:,g} |"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
