"""The tables of the pages for users say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

import pool
from pool import Backoff, BreakerPolicy, PoolConfig, RetryPolicy, errors
from pool.effects import Ending, Outcome, Refusal
from pool.protocol import error_of, refusal_of
from pool.recovery import BASE_SEVERITY, STRATEGIES

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


def test_the_page_of_errors_has_every_error_and_no_other() -> None:
    told = [row[0].strip("`") for row in rows("errors.md") if len(row) == 5]
    assert set(told) == EXPORTED - {"PoolError"}
    assert len(told) == len(set(told))


@pytest.mark.parametrize("row", [row for row in rows("errors.md") if len(row) == 5])
def test_each_error_is_also_what_the_page_says(row: list[str]) -> None:
    kind = getattr(pool, row[0].strip("`"))
    standard = row[1].strip("`").rpartition(".")[2]
    assert standard in {base.__name__ for base in kind.__mro__}


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize(
    "ending",
    sorted(
        {Ending(e) for e in Ending}
        - {
            Ending.RETURNED,
            Ending.RAISED,
            Ending.CANCELLED,
        }
    ),
)
def test_an_error_from_a_future_says_whether_it_may_have_started(
    ending: Ending, started: bool
) -> None:
    error = error_of(0, Outcome(ending, started=started), PoolConfig(), None)
    assert error.started is started
    assert str(error).endswith("it may have started" if started else "it never started")
    (row,) = [row for row in rows("errors.md") if row[0] == f"`{type(error).__name__}`"]
    assert "may have started" in row[3]


@pytest.mark.parametrize("why", Refusal)
def test_an_error_from_submit_means_that_nothing_started(why: Refusal) -> None:
    error = refusal_of(0, why, PoolConfig(), None)
    assert error.started is False
    (row,) = [row for row in rows("errors.md") if row[0] == f"`{type(error).__name__}`"]
    assert "submit`" in row[2]
    assert row[3].startswith("did not start")


def test_the_page_of_errors_has_every_category_with_its_severity_and_strategy() -> None:
    told = {
        row[0].strip("`"): (row[2], row[3].strip("`")) for row in rows("errors.md") if len(row) == 4
    }
    assert told == {
        category.value: (BASE_SEVERITY[category].name.lower(), STRATEGIES[category].value)
        for category in STRATEGIES
    }


@pytest.mark.parametrize("kind", [PoolConfig, RetryPolicy, Backoff, BreakerPolicy])
def test_the_page_of_settings_has_each_with_its_default(kind: type) -> None:
    told = {row[0].strip("`"): row[1] for row in rows("configuration.md", f"`{kind.__name__}`")}
    fields = {field.name: field.default for field in attrs.fields(kind)}
    assert list(told) == list(fields)
    for name, default in fields.items():
        if re.fullmatch(r"`.*`", told[name]) and "(" not in told[name].strip("`(")[1:]:
            assert told[name].strip('`"') == str(getattr(default, "value", default))


def test_errors_of_the_module_are_all_exported() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.PoolError)
    }
    assert defined == EXPORTED
