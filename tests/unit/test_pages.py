"""The tables of the pages for users say what the code does."""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from attrs import frozen
from pure_pool import PurePool, outcomes

import pool
from pool import Backoff, BreakerPolicy, PoolConfig, PoolError, RetryPolicy, errors, events
from pool.effects import Ending, Outcome, Refusal
from pool.protocol import error_of, refusal_of
from pool.recovery import BASE_SEVERITY, STRATEGIES, Category, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pool.effects import Effect

DOCS = Path(__file__).parents[2] / "docs"
EXPORTED = {
    name
    for name in pool.__all__
    if isinstance(getattr(pool, name), type) and issubclass(getattr(pool, name), pool.PoolError)
}


def rows(page: str, heading: str = "") -> list[list[str]]:
    """The cells of the rows under a heading of a page, up to the next heading."""
    text = (DOCS / page).read_text()
    if heading:
        text = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@frozen
class Told:
    """One row of the table of errors.

    Attributes:
        error: the class.
        standard: the name of what it is as well.
        by: what raises it.
        started: what its attribute `started` can be.
        means: what it says of the task.
        categories: what its attribute `category` can be.
    """

    error: type[PoolError]
    standard: str
    by: str
    started: frozenset[bool]
    means: str
    categories: frozenset[str]

    @property
    def from_future(self) -> bool:
        return self.by.startswith("a future")


TOLD = [
    Told(
        getattr(pool, row[0].strip("`")),
        row[1].strip("`").rpartition(".")[2],
        row[2],
        frozenset(word == "True" for word in row[3].split(", ")),
        row[4],
        frozenset(re.findall(r"`(\w+)`", row[5])),
    )
    for row in rows("errors.md", "What each means")
]


def told(error: type[PoolError], *, from_future: bool) -> Told:
    (row,) = [one for one in TOLD if (one.error, one.from_future) == (error, from_future)]
    return row


def test_the_page_of_errors_has_every_error_and_no_other() -> None:
    assert {one.error.__name__ for one in TOLD} == EXPORTED - {"PoolError"}
    assert len({(one.error, one.from_future) for one in TOLD}) == len(TOLD)


@pytest.mark.parametrize("row", TOLD, ids=lambda row: row.error.__name__)
def test_each_error_is_also_what_the_page_says(row: Told) -> None:
    assert row.standard in {base.__name__ for base in row.error.__mro__}


@pytest.mark.parametrize("row", TOLD, ids=lambda row: row.error.__name__)
def test_what_an_error_means_says_what_its_started_says(row: Told) -> None:
    means = {
        frozenset({True}): "(if True, )?(may have started|finished)",
        frozenset({False}): "did not start|unknown: may have started",
        frozenset({True, False}): "if True, (may have started|finished).*; if False, did not start",
    }
    assert re.match(means[row.started], row.means)
    if re.match("unknown", row.means):
        assert row.by.startswith("nowhere")


def test_the_page_has_the_attributes_of_an_error() -> None:
    named = {name for row in rows("errors.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert set(vars(PoolError("words"))) - {"message"} <= named


def lost(*, unstarted: int) -> Iterable[Effect]:
    """A task is lost with its worker again and again, until it is not handed out again."""
    pure = PurePool()
    pure.submit(0)
    for worker in range(99):
        yield from pure.exits(worker, unstarted=unstarted)
        yield from pure.reaped(worker)
        yield from pure.ready(worker + 1)


def corrupt() -> Iterable[Effect]:
    pure = PurePool()
    pure.submit(0)
    return pure.tell(events.FrameCorrupt(0, "checksum"))


def late() -> Iterable[Effect]:
    """One task runs and one waits when their deadlines pass."""
    pure = PurePool()
    pure.submit(0, 1, deadline=1.0)
    return pure.wait(2.0)


def killed() -> Iterable[Effect]:
    """One task runs and one waits when they are killed."""
    pure = PurePool()
    pure.submit(0, 1)
    return pure.tell(events.KillRequested(1), events.KillRequested(0))


def killed_while_it_rests() -> Iterable[Effect]:
    pure = PurePool(retry=RetryPolicy(immediate=(1.0,)))
    pure.submit(0, retries=1)
    pure.exits(0)
    return pure.tell(events.KillRequested(0))


def session_lost() -> Iterable[Effect]:
    """A session's first task runs and its second waits when their worker is lost."""
    pure = PurePool()
    pure.open(0)
    pure.submit(0, 1, session=0)
    return pure.exits(0)


def cut_off() -> Iterable[Effect]:
    """One task runs and one waits when the grace is over."""
    pure = PurePool()
    pure.submit(0, 1)
    pure.shut(grace=1.0)
    return pure.wait(2.0)


def broken() -> Iterable[Effect]:
    """One task that ran waits to run again, and one never ran, when workers start no more."""
    pure = PurePool(breaker=BreakerPolicy(failures_max=1, openings_max=0, killings_max=0))
    pure.submit(0, 1, retries=1)
    pure.exits(0)
    pure.reaped(0)
    return pure.tell(events.WorkerInitFailed(1, "no licence"))


def refused_by_the_fallback() -> Iterable[Effect]:
    with ThreadPoolExecutor() as executor:
        pure = PurePool(
            ready=0,
            breaker=BreakerPolicy(failures_max=1, openings_max=0, killings_max=0),
            fallback=executor,
        )
        pure.submit(0)
        pure.tell(events.WorkerInitFailed(0, "no licence"))
        return pure.tell(events.FallbackEnded(0, None, detail="it is shut down"))


SCENES: list[Callable[[], Iterable[Effect]]] = [
    partial(lost, unstarted=0),
    partial(lost, unstarted=1),
    corrupt,
    late,
    killed,
    killed_while_it_rests,
    session_lost,
    cut_off,
    broken,
    refused_by_the_fallback,
]
ANSWERED = {Ending.RETURNED, Ending.RAISED, Ending.CANCELLED}


def test_the_page_says_what_the_futures_errors_say_of_start_and_category() -> None:
    met: defaultdict[type[PoolError], tuple[set[bool], set[str]]] = defaultdict(
        lambda: (set(), set())
    )
    for scene in SCENES:
        for task, outcome in outcomes(scene()).items():
            if outcome.ending not in ANSWERED:
                error = error_of(task, outcome, PoolConfig(), None)
                started, categories = met[type(error)]
                started.add(error.started)
                assert error.category is not None
                categories.add(error.category.value)
    endings = set(Ending) - ANSWERED
    assert set(met) == {type(error_of(0, Outcome(one), PoolConfig(), None)) for one in endings}
    for kind, (started, categories) in met.items():
        row = told(kind, from_future=True)
        assert (kind, row.started, row.categories) == (kind, started, categories)


@pytest.mark.parametrize("why", Refusal)
def test_the_page_says_what_the_errors_of_submit_say(why: Refusal) -> None:
    error = refusal_of(0, why, PoolConfig(), None)
    row = told(type(error), from_future=False)
    assert row.by.split(",")[0] in ("`submit`", "`Session.submit`")
    assert row.started == {error.started}
    assert error.category is not None
    assert error.category.value in row.categories


def test_the_page_of_errors_has_every_category_with_its_severity_and_strategy() -> None:
    told = {
        row[0].strip("`"): (row[2], row[3].strip("`"))
        for row in rows("errors.md", "Category, severity, strategy")
    }
    assert told == {
        category.value: (BASE_SEVERITY[category].name.lower(), STRATEGIES[category].value)
        for category in STRATEGIES
    }


# Defaults that are not told as Python writes them.
IN_WORDS = {
    "the machine's cores": os.cpu_count(),
    "see [errors](errors.md)": STRATEGIES,
    "`RetryPolicy()`": RetryPolicy(),
    "`BreakerPolicy()`": BreakerPolicy(),
    "`Backoff()`": Backoff(),
}


@pytest.mark.parametrize("kind", [PoolConfig, RetryPolicy, Backoff, BreakerPolicy])
def test_the_page_of_settings_has_each_with_its_default(kind: type) -> None:
    told = {row[0].strip("`"): row[1] for row in rows("configuration.md", f"`{kind.__name__}`")}
    made = kind()
    defaults = {field.name: getattr(made, field.name) for field in attrs.fields(kind)}
    assert list(told) == list(defaults)
    for name, words in told.items():
        if words in IN_WORDS:
            assert (name, IN_WORDS[words]) == (name, defaults[name])
        else:
            value = ast.literal_eval(words.strip("`"))
            assert (name, value, type(value)) == (name, defaults[name], type_told(defaults[name]))


def type_told(default: object) -> type:
    """The type that a default has on the page, where an enumeration's member is a string."""
    return str if isinstance(default, str) else type(default)


RANGES = [
    (kind, row[0].strip("`"), row[2])
    for kind in (PoolConfig, RetryPolicy, Backoff, BreakerPolicy)
    for row in rows("configuration.md", f"`{kind.__name__}`")
]
NUMBER = re.compile(
    r"(count|seconds|bytes|whole number), (each )?(at least|more than) (\d+)(; None .*)?"
)


@pytest.mark.parametrize(("kind", "name", "legal"), RANGES, ids=lambda value: str(value)[:40])
def test_what_the_page_of_settings_calls_legal_is_accepted_and_nothing_else(
    kind: type, name: str, legal: str
) -> None:
    accepted, refused = examples(legal)
    for value in accepted:
        assert isinstance(kind(**{name: value}), kind)
    for value in refused:
        with pytest.raises((ValueError, TypeError)):
            kind(**{name: value})


def examples(legal: str) -> tuple[list[object], list[object]]:
    """Values that are legal by these words, and some that are not."""
    number = NUMBER.fullmatch(legal)
    if number is not None:
        unit, each, sense, least, _ = number.groups()
        bound = float(least) if unit == "seconds" else int(least)
        within, below = (bound, -1) if sense == "at least" else (1e-9, bound)
        if each:
            return [(within,), (within, within)], [(below,), within, None]
        if "; None" in legal:
            return [within, None], [below, "1"]
        return [within], [below, "1", None]
    if re.fullmatch(r"`\w+`(, `\w+`)+", legal):
        return list(re.findall(r"`(\w+)`", legal)), ["bogus", None]
    return OTHERS[legal]


def _call(*_: object) -> None:
    """Something to be called."""


OTHERS: dict[str, tuple[list[object], list[object]]] = {
    "True or False": ([True, False], [1, None]),
    "a `RetryPolicy`": ([RetryPolicy()], [None, BreakerPolicy()]),
    "a `BreakerPolicy`": ([BreakerPolicy()], [None, RetryPolicy()]),
    "a `Backoff`": ([Backoff()], [1, None]),
    "an executor; None for none": ([ThreadPoolExecutor(), None], [_call]),
    "a callable; None for none": ([_call, None], [1]),
    "a tuple": ([(), (1, "x")], [[1], None]),
    "names of modules": ([(), ("json",), ["json"]], ["json", (1,), None]),
    "a callable, or several": ([_call, (_call, _call), [_call], ()], [1, (1,), None]),
    "a path; None for none": (["record", Path("record"), None], [1]),
    "a mapping from categories to strategies": (
        [{}, {"task": "failover"}, {Category.TASK: Strategy.FAILOVER}],
        [{"bogus": "failover"}, {"task": "bogus"}],
    ),
}


def test_errors_of_the_module_are_all_exported() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.PoolError)
    }
    assert defined == EXPORTED
