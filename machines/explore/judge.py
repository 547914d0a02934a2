"""The judge: all checkers of `model/`, kept as plain data, and what each record makes of them.

Checkers are kept in a few groups. A group's state is known by one number, and what a turn's
records make of it is remembered; so is what they make of each checker in it. The checkers' own
code runs only where neither is known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.explore.eyes import FIXED, known
from machines.explore.form import Fields
from machines.explore.renames import Renames
from machines.explore.settle import SETTLE, link, settle
from machines.explore.step import Violation
from machines.explore.store import Store, from_bytes
from model import history as saw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.explore.names import Naming
    from model.checker import Checker

# What functions and processes do; whoever is shown that, is shown something else in each run of
# the same core.
_NEAR: Final = frozenset({saw.Started, saw.Finished, saw.Found, saw.Died})


@frozen
class Shown:
    """What one step shows to the judge, and how names are changed after it.

    Attributes:
        seconds: how far the clock has moved on in it.
        records: what was seen.
        namings: the renamings that lead to the state after it; several if the state looks the
            same through each of them.
    """

    seconds: float
    records: tuple[saw.Record, ...]
    namings: tuple[int, ...]


@frozen
class Broken:
    """A promise was broken by the record of that index."""

    record: int
    violation: Violation


class Eye:
    """One promise's checker, kept as plain data.

    Args:
        kind: the checker's class.
        first: the first records of every history, of which some is remembered for good.
    """

    def __init__(self, kind: type[Checker], first: Sequence[saw.Record]) -> None:
        self.kind = kind
        self.store = Store()
        self._form = Fields(kind, known(kind))
        self._settles = kind in SETTLE
        checker = kind()
        self.watched = frozenset(checker.watches())
        self._fixed: dict[str, Any] = {}
        broken = self._show(checker, first)
        if broken is not None:
            raise RuntimeError(f"{kind.promise} is broken before anything happened: {broken}")
        self._fixed = {name: held for name, held in vars(checker).items() if name in FIXED}
        settle(checker, first, 0.0)
        self.first = self.store.number(self._form.freeze(checker, 0.0))
        self._ways: dict[tuple[int, int], int | Broken] = {}
        self._renamed: dict[tuple[int, int], int] = {}
        self._renames = Renames(self.store, self._form.meet, self._rename)

    def after(self, state: int, turn: int, shown: Shown) -> int | Broken:
        """The state after a step's records, or what they broke.

        Args:
            state: before it.
            turn: the number of the step's records and seconds.
            shown: the step.
        """
        key = (state, turn)
        known = self._ways.get(key)
        if known is None:
            known = self._ways[key] = self._look(state, shown)
        return known

    def renamed(self, state: int, number: int, naming: Naming) -> int:
        """The state with other names.

        Args:
            state: before.
            number: the renaming's.
            naming: the renaming.
        """
        key = (state, number)
        known = self._renamed.get(key)
        if known is None:
            known = self._renamed[key] = self._renames.of(state, naming)
        return known

    def _rename(self, plain: Any, naming: Naming) -> Any:
        renamed = self._form.rename(plain, naming)
        if not self._settles:
            return renamed
        checker = self._thawed(renamed)
        settle(checker, (), 0.0)
        return self._form.freeze(checker, 0.0)

    def broken_by(self, state: int, records: Sequence[saw.Record]) -> Broken | None:
        """What these records would break."""
        return self._show(self._thawed(self.store.values[state]), records)

    def _look(self, state: int, shown: Shown) -> int | Broken:
        checker = self._thawed(self.store.values[state])
        broken = self._show(checker, shown.records)
        if broken is not None:
            return broken
        settle(checker, shown.records, shown.seconds)
        return self.store.number(self._form.freeze(checker, shown.seconds))

    def _thawed(self, plain: Any) -> Checker:
        checker: Checker = self._form.thaw(plain)
        vars(checker).update(self._fixed)
        link(checker)
        return checker

    def _show(self, checker: Checker, records: Sequence[saw.Record]) -> Broken | None:
        watches = checker.watches()
        for at, record in enumerate(records):
            watch = watches.get(type(record))
            if watch is not None and (sentence := watch(record)):
                return Broken(at, Violation(self.kind.promise, sentence))
        return None


class Group:
    """Some checkers, known together by one number.

    Args:
        eyes: theirs.
    """

    def __init__(self, eyes: Sequence[Eye]) -> None:
        self.eyes = tuple(eyes)
        self.store = Store()
        self._members: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], int] = {}
        self._turns: dict[int, tuple[int, ...]] = {}
        self._turn_numbers: list[dict[Any, int]] = [{} for _ in self.eyes]
        self.first = self._number(tuple(eye.first for eye in self.eyes))

    def after(
        self, state: int, shown: Shown, key: int, namings: Sequence[Naming]
    ) -> int | tuple[int, ...] | Broken:
        """The state after a step, or the first that it breaks.

        Where the step has several renamings, and they do not all lead to one state, that of each
        is returned: which of them is kept is not this group's to say, for the others have to be
        renamed alike.

        Args:
            state: before it.
            shown: the step.
            key: the step's number.
            namings: every renaming there is, by its number.
        """
        members = self._members[state]
        turns = self._turns.get(key) or self._number_turns(key, shown)
        eyes = self.eyes
        seen: list[int] = []
        broken: Broken | None = None
        for eye, member, turn in zip(eyes, members, turns, strict=True):
            after = member if turn < 0 else eye.after(member, turn, shown)
            if isinstance(after, Broken):
                if broken is None or after.record < broken.record:
                    broken = after
            else:
                seen.append(after)
        if broken is not None:
            return broken
        found = []
        for number in shown.namings:
            naming = namings[number]
            pairs = zip(eyes, seen, strict=True)
            found.append(
                self._number(tuple([eye.renamed(at, number, naming) for eye, at in pairs]))
            )
        return found[0] if len(set(found)) == 1 else tuple(found)

    def renamed(self, state: int, number: int, naming: Naming) -> int:
        """The state with other names."""
        pairs = zip(self.eyes, self._members[state], strict=True)
        return self._number(tuple([eye.renamed(at, number, naming) for eye, at in pairs]))

    def broken_by(self, state: int, records: Sequence[saw.Record]) -> Broken | None:
        """What these records would break first."""
        pairs = zip(self.eyes, self._members[state], strict=True)
        found = [b for eye, at in pairs if (b := eye.broken_by(at, records)) is not None]
        return min(found, key=lambda broken: broken.record, default=None)

    def pack(self, state: int) -> bytes:
        """The state as bytes."""
        return self.store.data[state]

    def unpack(self, data: bytes) -> int:
        """The state that these bytes were made of."""
        pairs = zip(self.eyes, from_bytes(data), strict=True)
        return self._number(tuple([eye.store.number(plain) for eye, plain in pairs]))

    def _number(self, members: tuple[int, ...]) -> int:
        known = self._known.get(members)
        if known is None:
            pairs = zip(self.eyes, members, strict=True)
            plain = tuple([eye.store.values[at] for eye, at in pairs])
            known = self._known[members] = self.store.number(plain)
            self._members.append(members)
        return known

    def _number_turns(self, key: int, shown: Shown) -> tuple[int, ...]:
        """For each checker, the number of what it is shown; -1 where it is shown nothing."""
        turns = []
        for eye, numbers in zip(self.eyes, self._turn_numbers, strict=True):
            own = [record for record in shown.records if type(record) in eye.watched]
            if not own and not shown.seconds:
                turns.append(-1)
                continue
            turns.append(numbers.setdefault((shown.seconds, repr(own)), len(numbers)))
        self._turns[key] = found = tuple(turns)
        return found


class Court:
    """Every group, and what each step makes of it.

    Args:
        promises: what is judged.
        first: the first records of every history.
    """

    def __init__(self, promises: Iterable[type[Checker]], first: Sequence[saw.Record]) -> None:
        eyes = [Eye(kind, first) for kind in promises]
        near = [eye for eye in eyes if eye.watched & _NEAR]
        far = [eye for eye in eyes if not eye.watched & _NEAR]
        self.groups = tuple(Group(part) for part in (far, near) if part)
