"""The suites' one configuration: `[tool.poolcheck]` in `pyproject.toml`, and the environment.

By layer it holds the pool's size and overflow, timeouts, how instances are isolated, the level of
the log, and thresholds, each with where it comes from. A slower machine overrides a value by a
variable of the environment, `POOLCHECK_FREE_SIZE=8`; every override is told in the report.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.suites.kind import Number, Switch, Whole, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from machines.suites.kind import Kind

FILE: Final = "pyproject.toml"
TABLE: Final = "tool.poolcheck"
PREFIX: Final = "POOLCHECK"
LAYERS: Final = ("sim", "wire", "real", "free")
LIMITS: Final = "thresholds"
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_HOUR: Final = Number(3600.0, "seconds", 0.001)
_PLAIN: Final[Mapping[str, Kind]] = {
    "size": Whole(1, 16),
    "max_overflow": Whole(0, 16),
    "task_timeout": _HOUR,
    "ready_timeout": _HOUR,
    "grace": _HOUR,
    "seed": Whole(0, 2**32 - 1),
    "log_level": Word(LEVELS),
}
_OF_FREE: Final[Mapping[str, Kind]] = {"relayed": Switch()}
# What a threshold's name ends in says of what it is a number.
_UNITS: Final[Mapping[str, Kind]] = {
    "per_s": Number(1e9, "operations a second"),
    "ms": Number(1e9, "milliseconds"),
    "s": Number(1e6, "seconds"),
    "ratio": Number(1e6, "times"),
    "percent": Number(100.0, "percent"),
    "tasks": Whole(0, 10**12),
}


class SettingsError(ValueError):
    """The configuration cannot be used; the message is one line: key, value, what is legal."""


@frozen
class Threshold:
    """What a figure must reach, or must not exceed.

    Attributes:
        name: of the threshold; it ends in its unit.
        value: in that unit.
        source: who demands it.
    """

    name: str
    value: float
    source: str


@frozen
class Override:
    """One value that the environment has changed.

    Attributes:
        variable: its name in the environment.
        key: `LAYER.KEY`.
        was: what the file says.
        now: what holds.
    """

    variable: str
    key: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.key} = {self.now} instead of {self.was} ({self.variable})"

    def facts(self) -> dict[str, Any]:
        """What a report in JSON says of it."""
        return {"variable": self.variable, "key": self.key, "was": self.was, "now": self.now}


@frozen(kw_only=True)
class LayerSettings:
    """How the suites run on one layer.

    Attributes:
        layer: `sim`, `wire`, `real` or `free`.
        size: workers of a pool.
        max_overflow: how many more may live while tasks wait.
        task_timeout: seconds, by the layer's clock, after which an outcome is waited for in vain.
        ready_timeout: seconds in which a pool's workers must be ready.
        grace: seconds that an isolated pool gets to end in good order.
        seed: fixes what is chosen at random in an isolated instance.
        log_level: of the logger `pool`.
        relayed: whether an isolated pool's pipes lead through a relay; only on `free`.
        thresholds: what is demanded, by name.
    """

    layer: str
    size: int
    max_overflow: int
    task_timeout: float
    ready_timeout: float
    grace: float
    seed: int
    log_level: str
    relayed: bool = False
    thresholds: Mapping[str, Threshold]

    def threshold(self, name: str) -> float:
        """The value of the threshold of this name.

        Raises:
            SettingsError: there is none on this layer.
        """
        if name not in self.thresholds:
            known = ", ".join(self.thresholds) or "none"
            raise SettingsError(f"{TABLE}.{self.layer}.{LIMITS} has no {name}; it has {known}")
        return self.thresholds[name].value

    def isolation(self) -> dict[str, Any]:
        """The arguments of `machines.harness.isolated` are returned."""
        return {
            "layer": self.layer,
            "pool_config": {"size": self.size, "max_overflow": self.max_overflow},
            "seed": self.seed,
            "grace": self.grace,
            "relayed": self.relayed,
        }

    @contextlib.contextmanager
    def logged(self) -> Iterator[None]:
        """The pool logs at this layer's level while the block runs."""
        logger = logging.getLogger("pool")
        before = logger.level
        logger.setLevel(self.log_level)
        try:
            yield
        finally:
            logger.setLevel(before)


@frozen
class Settings:
    """The whole configuration; made by `load`.

    Attributes:
        layers: by name.
        overrides: what the environment has changed, in the order of the file.
    """

    layers: Mapping[str, LayerSettings]
    overrides: tuple[Override, ...]

    def on(self, layer: str) -> LayerSettings:
        """The settings of this layer.

        Raises:
            SettingsError: there is no such layer.
        """
        if layer not in self.layers:
            raise SettingsError(f"layer {layer!r}: layers are {', '.join(self.layers)}")
        return self.layers[layer]

    def facts(self) -> list[dict[str, Any]]:
        """What a report in JSON says of overrides."""
        return [one.facts() for one in self.overrides]


def find(start: Path) -> Path | None:
    """The nearest `pyproject.toml` with a table `[tool.poolcheck]`, from that folder upward.

    Where there is none it is that of the project's own clone, if it is installed from one.

    Args:
        start: a folder.
    """
    own = Path(__file__).parents[2]
    for folder in (*(start.absolute() / "x").parents, own):
        file = folder / FILE
        if file.is_file() and _table(file) is not None:
            return file
    return None


def load(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The configuration was read and checked, and overridden by the environment.

    Args:
        file: a `pyproject.toml`; the nearest one from here unless given.
        environment: variables and their values; the process's own unless given.

    Raises:
        SettingsError: there is no such table, or a key or value is not legal.
    """
    environment = os.environ if environment is None else environment
    found = find(Path.cwd()) if file is None else file
    table = None if found is None else _table(found)
    if table is None:
        raise SettingsError(f"there is no [{TABLE}] in {FILE}, here or in any folder above")
    _demand_keys(TABLE, table, dict.fromkeys(LAYERS))
    overrides: list[Override] = []
    layers = {name: _layer(name, table[name], environment, overrides) for name in LAYERS}
    known = {_variable(name, key) for name in LAYERS for key in _keys(name, layers[name])}
    for variable in sorted(environment):
        if variable.startswith(tuple(f"{PREFIX}_{n.upper()}_" for n in LAYERS)):
            _demand_variable(variable, known, environment[variable])
    return Settings(layers, tuple(overrides))


def _table(file: Path) -> dict[str, Any] | None:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("poolcheck")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error
    if table is not None and not isinstance(table, dict):
        raise SettingsError(f"{file}: [{TABLE}] must be a table, not {table!r}")
    return table


def _layer(
    layer: str, table: Any, environment: Mapping[str, str], overrides: list[Override]
) -> LayerSettings:
    where = f"{TABLE}.{layer}"
    kinds = _kinds(layer)
    _demand_keys(where, table, {**kinds, LIMITS: None})
    values = {}
    for key, kind in kinds.items():
        _demand(f"{where}.{key}", table[key], kind)
        values[key] = _overridden(layer, key, table[key], kind, environment, overrides)
    thresholds = {}
    if not isinstance(table[LIMITS], dict):
        raise SettingsError(f"{where}.{LIMITS} = {table[LIMITS]!r}: legal: a table")
    for name, entry in table[LIMITS].items():
        kind, source = _threshold(f"{where}.{LIMITS}.{name}", name, entry)
        now = _overridden(layer, name, entry["value"], kind, environment, overrides)
        thresholds[name] = Threshold(name, now, source)
    return LayerSettings(layer=layer, thresholds=thresholds, **values)


def _threshold(where: str, name: str, entry: Any) -> tuple[Kind, str]:
    _demand_keys(where, entry, {"value": None, "source": None})
    kind = next((kind for unit, kind in _UNITS.items() if name.endswith(f"_{unit}")), None)
    if kind is None:
        raise SettingsError(f"{where}: legal: a name that ends in {', '.join(_UNITS)}")
    _demand(f"{where}.value", entry["value"], kind)
    source = entry["source"]
    if not isinstance(source, str) or not source.strip():
        raise SettingsError(f"{where}.source = {source!r}: legal: who demands it, in words")
    return kind, source


def _overridden(
    layer: str,
    key: str,
    was: Any,
    kind: Kind,
    environment: Mapping[str, str],
    overrides: list[Override],
) -> Any:
    variable = _variable(layer, key)
    if variable not in environment:
        return was
    now = kind.read(environment[variable])
    _demand(variable, now, kind)
    overrides.append(Override(variable, f"{layer}.{key}", was, now))
    return now


def _kinds(layer: str) -> dict[str, Kind]:
    return {**_PLAIN, **(_OF_FREE if layer == "free" else {})}


def _keys(layer: str, settings: LayerSettings) -> list[str]:
    return [*_kinds(layer), *settings.thresholds]


def _variable(layer: str, key: str) -> str:
    return f"{PREFIX}_{layer}_{key}".upper()


def _demand(key: str, value: Any, kind: Kind) -> None:
    if not kind.admits(value):
        raise SettingsError(f"{key} = {value!r}: legal: {kind.legal}")


def _demand_keys(where: str, table: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(table, dict):
        raise SettingsError(f"{where} = {table!r}: legal: a table of {', '.join(known)}")
    for key in [*table, *known]:
        if key not in known:
            value = table[key]
            raise SettingsError(f"{where}.{key} = {value!r}: legal keys are {', '.join(known)}")
        if key not in table:
            raise SettingsError(f"{where}.{key} is missing; legal: {', '.join(known)}, each once")


def _demand_variable(variable: str, known: set[str], value: str) -> None:
    if variable not in known:
        layer = "_".join(variable.split("_")[:2])
        near = ", ".join(sorted(one for one in known if one.startswith(f"{layer}_")))
        raise SettingsError(f"{variable} = {value!r}: legal variables are {near}")
