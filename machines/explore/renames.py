"""Renames: what each kept value is with other names; worked out once for all that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from machines.explore.names import Kind, Names

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.explore.names import Naming
    from machines.explore.store import Store


class Renames:
    """The renamed values of one store.

    Args:
        store: where the values are kept.
        meet: meets a value's names.
        rename: renames a value.
    """

    def __init__(
        self,
        store: Store,
        meet: Callable[[Any, Names], None],
        rename: Callable[[Any, Naming], Any],
    ) -> None:
        self._store = store
        self._meet = meet
        self._rename = rename
        self._names: dict[int, tuple[tuple[int, ...], ...]] = {}
        self._known: dict[Any, int] = {}

    def of(self, number: int, naming: Naming) -> int:
        """The number of the renamed value.

        Args:
            number: the value's.
            naming: the renaming; of it only the names that the value has are asked.
        """
        tasks, workers, sessions = self.names(number)
        of_tasks, of_workers, of_sessions = naming.maps
        key = (
            number,
            tuple([of_tasks.get(name) for name in tasks]),
            tuple([of_workers.get(name) for name in workers]),
            tuple([of_sessions.get(name) for name in sessions]),
        )
        if key[1:] == (tasks, workers, sessions):
            return number
        known = self._known.get(key)
        if known is None:
            known = self._store.number(self._rename(self._store.values[number], naming))
            self._known[key] = known
        return known

    def names(self, number: int) -> tuple[tuple[int, ...], ...]:
        """The value's tasks, workers and sessions, in the order in which they are met."""
        known = self._names.get(number)
        if known is None:
            names = Names()
            self._meet(self._store.values[number], names)
            known = self._names[number] = tuple([tuple(names.met[kind]) for kind in Kind])
        return known
