"""Forms: how a living object is frozen into plain, canonical tuples, renamed there, and thawed.

Frozen values are tuples, numbers, strings and None, so they are compared, hashed and written down
by value alone; sets, and mappings whose order means nothing, are sorted by name.
"""

from __future__ import annotations

import operator
import re
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from machines.explore.names import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import Enum

    from machines.explore.names import Names, Naming


class Form(Protocol):
    """How one sort of value is kept."""

    def freeze(self, value: Any, now: float) -> Any:
        """The value as plain data, its times counted from now."""

    def thaw(self, frozen: Any) -> Any:
        """A fresh value is returned, its times counted from nought."""

    def rename(self, frozen: Any, naming: Naming) -> Any:
        """The same with other names; what is named after something gone is left out."""

    def meet(self, frozen: Any, names: Names) -> None:
        """Every name in it is met, in its order."""


class Plain:
    """Something immutable without names or times."""

    def freeze(self, value: Any, _: float) -> Any:
        return value

    def thaw(self, frozen: Any) -> Any:
        return frozen

    def rename(self, frozen: Any, _: Naming) -> Any:
        return frozen

    def meet(self, frozen: Any, names: Names) -> None:
        """There are none."""


class Enumerated(Plain):
    """A member of an enumeration, kept as its value."""

    def __init__(self, kind: type[Enum]) -> None:
        self._members = {None: None, **{member.value: member for member in kind}}

    def freeze(self, value: Any, _: float) -> Any:
        return None if value is None else value._value_  # `value` is looked up, this is there

    def thaw(self, frozen: Any) -> Any:
        return self._members[frozen]


class Clock(Plain):
    """A time, kept as seconds from now; to a millionth, for sums of times are not exact.

    Args:
        least: what is longer ago than this is as good as this.
    """

    def __init__(self, least: float = float("-inf")) -> None:
        self._least = least

    def freeze(self, value: Any, now: float) -> Any:
        if value is None:
            return None
        return max(self._least, round(value - now, 6) + 0.0)


class Name:
    """A name, or None."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def freeze(self, value: Any, _: float) -> Any:
        return value

    def thaw(self, frozen: Any) -> Any:
        return frozen

    def rename(self, frozen: Any, naming: Naming) -> Any:
        return naming.of(self.kind, frozen)

    def meet(self, frozen: Any, names: Names) -> None:
        names.meet(self.kind, frozen)


class Sequence:
    """Things in an order that matters."""

    def __init__(self, item: Form, make: Callable[[Any], Any] = list) -> None:
        self._item = item
        self._make = make

    def freeze(self, value: Any, now: float) -> Any:
        freeze = self._item.freeze
        return tuple([freeze(item, now) for item in value])

    def thaw(self, frozen: Any) -> Any:
        thaw = self._item.thaw
        return self._make([thaw(item) for item in frozen])

    def rename(self, frozen: Any, naming: Naming) -> Any:
        rename = self._item.rename
        return tuple([rename(item, naming) for item in frozen])

    def meet(self, frozen: Any, names: Names) -> None:
        for item in frozen:
            self._item.meet(item, names)


class Members:
    """A set of names."""

    def __init__(self, item: Name) -> None:
        self._kind = item.kind

    def freeze(self, value: Any, _: float) -> Any:
        return tuple(sorted(value))

    def thaw(self, frozen: Any) -> Any:
        return set(frozen)

    def rename(self, frozen: Any, naming: Naming) -> Any:
        kind = self._kind
        return tuple(sorted([naming.of(kind, n) or 0 for n in frozen if naming.keeps(kind, n)]))

    def meet(self, frozen: Any, names: Names) -> None:
        for name in frozen:
            names.meet(self._kind, name)


class Table:
    """A mapping from names.

    Args:
        key: of which names.
        value: what they map to.
        ordered: whether its order means something.
        make: the mapping's class.
    """

    def __init__(
        self,
        key: Name,
        value: Form,
        *,
        ordered: bool = False,
        make: type[dict[Any, Any]] = dict,
    ) -> None:
        self._kind = key.kind
        self._value = value
        self._ordered = ordered
        self._make = make

    def _arranged(self, rows: list[Any]) -> Any:
        return tuple(rows if self._ordered else sorted(rows, key=_FIRST))

    def freeze(self, value: Any, now: float) -> Any:
        freeze = self._value.freeze
        return self._arranged([(key, freeze(held, now)) for key, held in value.items()])

    def thaw(self, frozen: Any) -> Any:
        thaw = self._value.thaw
        return self._make([(key, thaw(held)) for key, held in frozen])

    def rename(self, frozen: Any, naming: Naming) -> Any:
        kind, rename = self._kind, self._value.rename
        return self._arranged(
            [
                (naming.of(kind, key), rename(held, naming))
                for key, held in frozen
                if naming.keeps(kind, key)
            ]
        )

    def meet(self, frozen: Any, names: Names) -> None:
        for key, held in frozen:
            names.meet(self._kind, key)
            self._value.meet(held, names)


class Fields:
    """An object, by some of its attributes; the others keep what they have, or are never looked at.

    Args:
        make: makes the object that is filled when it is thawed.
        forms: of each attribute.
    """

    def __init__(self, make: Callable[[], Any], forms: Mapping[str, Form]) -> None:
        self._make = make
        self._names = tuple(forms)
        self._read: Callable[[Any], tuple[Any, ...]] = _reader(self._names)
        # Most are plain, and stay as they are: of the others, where each stands, and its form.
        self._freezes = [(at, f.freeze) for at, f in _unlike(Plain.freeze, "freeze", forms)]
        self._thaws = [(at, f.thaw) for at, f in _unlike(Plain.thaw, "thaw", forms)]
        self._renames = [(at, f.rename) for at, f in _unlike(Plain.rename, "rename", forms)]
        self._meets = [(at, f.meet) for at, f in _unlike(Plain.meet, "meet", forms)]

    def freeze(self, value: Any, now: float) -> Any:
        parts = list(self._read(value))
        for at, freeze in self._freezes:
            parts[at] = freeze(parts[at], now)
        return tuple(parts)

    def thaw(self, frozen: Any) -> Any:
        parts = list(frozen)
        for at, thaw in self._thaws:
            parts[at] = thaw(parts[at])
        made = self._make()
        put = object.__setattr__
        for name, part in zip(self._names, parts, strict=True):
            put(made, name, part)
        return made

    def rename(self, frozen: Any, naming: Naming) -> Any:
        parts = list(frozen)
        for at, rename in self._renames:
            parts[at] = rename(parts[at], naming)
        return tuple(parts)

    def meet(self, frozen: Any, names: Names) -> None:
        for at, meet in self._meets:
            meet(frozen[at], names)


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads all of these attributes at once."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda value: tuple([getattr(value, name) for name in names])


def _unlike(plain: Any, what: str, forms: Mapping[str, Form]) -> list[tuple[int, Form]]:
    """The forms, each with its place, that do this in a way of their own."""
    return [
        (at, form)
        for at, form in enumerate(forms.values())
        if getattr(type(form), what) is not plain
    ]


class Maybe:
    """Something, or None."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def freeze(self, value: Any, now: float) -> Any:
        return None if value is None else self._form.freeze(value, now)

    def thaw(self, frozen: Any) -> Any:
        return None if frozen is None else self._form.thaw(frozen)

    def rename(self, frozen: Any, naming: Naming) -> Any:
        return None if frozen is None else self._form.rename(frozen, naming)

    def meet(self, frozen: Any, names: Names) -> None:
        if frozen is not None:
            self._form.meet(frozen, names)


class Result:
    """What a task's function returned or raised, as `workload.canonical` gives it.

    It names its task, and those that had left their mark: `["echo", 2]`, `[[0, 1], ["echo", 2]]`,
    `["ValueError", "task 2"]`, `["SystemExit", "2"]`.
    """

    def freeze(self, value: Any, now: float) -> Any:
        return tuple([self.freeze(item, now) for item in value]) if _many(value) else value

    def thaw(self, frozen: Any) -> Any:
        return [self.thaw(item) for item in frozen] if _many(frozen) else frozen

    def rename(self, frozen: Any, naming: Naming) -> Any:
        if _many(frozen):
            return tuple([self.rename(item, naming) for item in frozen])
        if type(frozen) is int:
            return naming.of(Kind.TASK, frozen)
        if isinstance(frozen, str) and (found := _NUMBERED.fullmatch(frozen)):
            return f"{found[1]}{naming.of(Kind.TASK, int(found[2]))}"
        return frozen

    def meet(self, frozen: Any, names: Names) -> None:
        if _many(frozen):
            for item in frozen:
                self.meet(item, names)
        elif type(frozen) is int:
            names.meet(Kind.TASK, frozen)
        elif isinstance(frozen, str) and (found := _NUMBERED.fullmatch(frozen)):
            names.meet(Kind.TASK, int(found[2]))


def _many(value: Any) -> bool:
    return isinstance(value, (list, tuple))


_FIRST: Final = operator.itemgetter(0)
_NUMBERED: Final = re.compile(r"(task |)(-?\d+)")

PLAIN: Final = Plain()
CLOCK: Final = Clock()
TASK: Final = Name(Kind.TASK)
WORKER: Final = Name(Kind.WORKER)
SESSION: Final = Name(Kind.SESSION)
TASKS: Final = Members(TASK)
WORKERS: Final = Members(WORKER)
SESSIONS: Final = Members(SESSION)
RESULT: Final = Result()


def queue(item: Form) -> Sequence:
    """The form of a deque."""
    return Sequence(item, deque)


def line(value: Form) -> Table:
    """The form of an ordered mapping from tasks."""
    return Table(TASK, value, ordered=True, make=OrderedDict)
