"""What `poolcheck bench` was asked to do, checked before anything runs."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, field, frozen

from machines.bench import contestant, measure
from machines.bench.contestant import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from machines.bench.contestant import Contestant
    from machines.bench.measure import Measure

PLOTS: Final = (".png", ".svg")


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _known(known: Iterable[str]) -> Callable[[object, Attribute[Any], tuple[str, ...]], None]:
    names = tuple(known)

    def check(_: object, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
        bad = [name for name in value if name not in names]
        if bad or not value:
            said = repr(bad[0]) if bad else "none"
            raise ValueError(f"--{attribute.name} {said}: {attribute.name} are {', '.join(names)}")

    return check


def _plottable(_: object, __: Attribute[Any], value: Path | None) -> None:
    if value is None:
        return
    if value.suffix.lower() not in PLOTS:
        raise ValueError(f"--plot {value}: the file's name must end in {' or '.join(PLOTS)}")
    if value.is_dir() or not value.absolute().parent.is_dir():
        raise ValueError(f"--plot {value}: cannot be written there")
    if importlib.util.find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib: pip install 'poolcheck[peers]'")


DEFAULT_MEASURES: Final = tuple(m.name for m in measure.MEASURES if m.name != measure.FLAT)


@frozen(kw_only=True)
class Options:
    """A valid request.

    Attributes:
        measures: their names; the tuple, or one string with commas.
        contestants: the same.
        rounds: how often everything is measured.
        workers: of each pool.
        samples: calls a round from which latency is taken; the other amounts follow from it.
        limit_s: seconds after which a trial is said to hang.
        flat: no-ops for the measure of that name; None to leave it out.
        plot: where a picture is written.

    Raises:
        ValueError: a name is unknown, or the request cannot be carried out.
    """

    measures: tuple[str, ...] = field(
        default=DEFAULT_MEASURES, converter=_names, validator=_known(measure.BY_NAME)
    )
    contestants: tuple[str, ...] = field(
        default=tuple(contestant.BY_NAME), converter=_names, validator=_known(contestant.BY_NAME)
    )
    rounds: int = 5
    workers: int = 2
    samples: int = 2000
    limit_s: float = 120.0
    flat: int | None = None
    plot: Path | None = field(default=None, validator=_plottable)

    def __attrs_post_init__(self) -> None:
        if measure.FLAT in self.measures and self.flat is None:
            raise ValueError("--measures flat needs --flat N, the number of no-ops")
        if self.flat is not None and self.flat_contestant is None:
            raise ValueError("--flat needs one of ours among --contestants")
        if not self.present:
            names = ", ".join(one.name for one in self.absent)
            raise ValueError(f"--contestants: not installed: {names}")
        if not any(m.admits(c) for m in self.chosen_measures for c in self.present):
            raise ValueError("none of these contestants takes part in any of these measures")

    @property
    def chosen_measures(self) -> tuple[Measure, ...]:
        """The measures, in the table's order."""
        names = {*self.measures, *((measure.FLAT,) if self.flat is not None else ())}
        return tuple(one for one in measure.MEASURES if one.name in names)

    @property
    def present(self) -> tuple[Contestant, ...]:
        """The chosen contestants that are installed, in the table's order."""
        return tuple(one for one in self._chosen if one.present)

    @property
    def absent(self) -> tuple[Contestant, ...]:
        """The chosen contestants that are not."""
        return tuple(one for one in self._chosen if not one.present)

    @property
    def flat_contestant(self) -> Contestant | None:
        """Whose memory is watched over many no-ops."""
        return next((one for one in self.present if one.kind is Kind.OURS), None)

    @property
    def _chosen(self) -> tuple[Contestant, ...]:
        return tuple(one for one in contestant.CONTESTANTS if one.name in self.contestants)
