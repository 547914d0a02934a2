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
from machines.explore.visited import fingerprint
from model import history as saw
from model.liveness import ShutdownEnds
from model.task_safety import CancelledStaysCancelled, ResolvesOnce, StartsOnce
from model.timeliness import OnTime
from model.worker_safety import Bounded, NothingLeft, OneTaskAtATime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.explore.names import Naming
    from model.checker import Checker

# What functions and processes do; whoever is shown that, is shown something else in each run of
# the same core.
_NEAR: Final = frozenset({saw.Started, saw.Finished, saw.Found, saw.Died})
# Of those, which change together: what two groups know multiplies only where both are one.
_OF_TASKS: Final = frozenset({ResolvesOnce, StartsOnce, CancelledStaysCancelled})
_OF_WORKERS: Final = frozenset({OnTime, Bounded, NothingLeft, ShutdownEnds, OneTaskAtATime})


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
        # Where a state leads, by what is shown and the renaming after it, as one number; and
        # where it leads before it is renamed.
        self.ways: dict[tuple[int, int], int | Broken] = {}
        self._looks: dict[tuple[int, int], int | Broken] = {}
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
        known = self._looks.get(key)
        if known is None:
            known = self._looks[key] = self._look(state, shown)
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

    Attributes:
        ways: for each state where each step leads, by its number; below nought it is `odd[-1 - n]`.
        odd: what is broken, or each of several states.
        prints: each state's fingerprint.
    """

    def __init__(self, eyes: Sequence[Eye]) -> None:
        self.eyes = tuple(eyes)
        self.store = Store()
        self.ways: list[dict[int, int]] = []
        self.prints: list[bytes] = []
        self.odd: list[tuple[int, ...] | Broken] = []
        self._members: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], int] = {}
        self._renamed: dict[tuple[int, int], int] = {}
        self._turns: dict[tuple[int, int], tuple[int, ...]] = {}
        kinds = [eye.kind for eye in self.eyes]
        # For each checker, what it was shown; and that, by its number, with the renaming after it.
        self._shown: dict[Any, dict[Any, int]] = {kind: {} for kind in kinds}
        self._pairs: dict[Any, list[tuple[int, int]]] = {kind: [] for kind in kinds}
        self._pair_numbers: dict[Any, dict[tuple[int, int], int]] = {kind: {} for kind in kinds}
        self.first = self._number(tuple(eye.first for eye in self.eyes))

    def look(self, state: int, shown: Shown, key: int, namings: Sequence[Naming]) -> int:
        """Where the step leads is among the ways, and returned.

        Where the step has several renamings, and they do not all lead to one state, that of each
        is kept: which of them it is is not this group's to say, for the others have to be renamed
        alike.

        Args:
            state: before it.
            shown: the step.
            key: the step's number.
            namings: every renaming there is, by its number.
        """
        found = self._after(state, shown, key, namings)
        if not isinstance(found, int):
            self.odd.append(found)
            found = -len(self.odd)
        self.ways[state][key] = found
        return found

    def way(self, state: int, key: int) -> int | tuple[int, ...] | Broken | None:
        """Where the step leads; None if nobody has looked yet."""
        way = self.ways[state].get(key)
        return way if way is None or way >= 0 else self.odd[-1 - way]

    def _after(
        self, state: int, shown: Shown, key: int, namings: Sequence[Naming]
    ) -> int | tuple[int, ...] | Broken:
        members = self._members[state]
        found = []
        for naming in shown.namings:
            turns = self._turns.get((key, naming))
            if turns is None:
                turns = self._number_turns(key, shown, naming)
            seen: list[int] = []
            broken: list[Broken] = []
            for eye, member, turn in zip(self.eyes, members, turns, strict=True):
                way = eye.ways.get((member, turn))
                if way is None:
                    way = self._watch(eye, member, turn, shown, namings)
                if type(way) is int:
                    seen.append(way)
                elif isinstance(way, Broken):
                    broken.append(way)
            if broken:
                return min(broken, key=_record)
            found.append(self._number(tuple(seen)))
        return found[0] if len(set(found)) == 1 else tuple(found)

    def _watch(
        self, eye: Eye, member: int, turn: int, shown: Shown, namings: Sequence[Naming]
    ) -> int | Broken:
        """What a checker makes of a turn, and of the renaming after it, is among its ways."""
        own, naming = self._pairs[eye.kind][turn]
        after = member if own < 0 else eye.after(member, own, shown)
        if not isinstance(after, Broken):
            after = eye.renamed(after, naming, namings[naming])
        eye.ways[member, turn] = after
        return after

    def renamed(self, state: int, number: int, naming: Naming) -> int:
        """The state with other names."""
        known = self._renamed.get((state, number))
        if known is None:
            pairs = zip(self.eyes, self._members[state], strict=True)
            known = self._number(tuple([eye.renamed(at, number, naming) for eye, at in pairs]))
            self._renamed[state, number] = known
        return known

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
        known = self.store.find(data)
        if known is not None:
            return known
        pairs = zip(self.eyes, from_bytes(data), strict=True)
        return self._number(tuple([eye.store.number(plain) for eye, plain in pairs]))

    def _number(self, members: tuple[int, ...]) -> int:
        known = self._known.get(members)
        if known is None:
            pairs = zip(self.eyes, members, strict=True)
            plain = tuple([eye.store.values[at] for eye, at in pairs])
            known = self._known[members] = self.store.number(plain)
            self._members.append(members)
            self.ways.append({})
            self.prints.append(fingerprint(self.store.data[known]))
        return known

    def _number_turns(self, key: int, shown: Shown, naming: int) -> tuple[int, ...]:
        """For each checker, the number of what it is shown with the renaming after it."""
        turns = []
        for eye in self.eyes:
            own = [record for record in shown.records if type(record) in eye.watched]
            number = -1
            if own or shown.seconds:
                numbers = self._shown[eye.kind]
                number = numbers.setdefault((shown.seconds, repr(own)), len(numbers))
            pairs, pair = self._pairs[eye.kind], (number, naming)
            at = self._pair_numbers[eye.kind].setdefault(pair, len(pairs))
            if at == len(pairs):
                pairs.append(pair)
            turns.append(at)
        self._turns[key, naming] = found = tuple(turns)
        return found


def _record(broken: Broken) -> int:
    return broken.record


class Court:
    """Every group, and what each step makes of it.

    Args:
        promises: what is judged.
        first: the first records of every history.
    """

    def __init__(self, promises: Iterable[type[Checker]], first: Sequence[saw.Record]) -> None:
        eyes = [Eye(kind, first) for kind in promises]
        near = [eye for eye in eyes if eye.watched & _NEAR]
        parts = (
            [eye for eye in eyes if not eye.watched & _NEAR],
            [eye for eye in near if eye.kind in _OF_TASKS],
            [eye for eye in near if eye.kind in _OF_WORKERS],
            [eye for eye in near if eye.kind not in _OF_TASKS | _OF_WORKERS],
        )
        self.groups = tuple([Group(part) for part in parts if part])
