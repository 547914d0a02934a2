"""Lasting names: what the log and the flight recorder's files call things stays as it is."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from machines.lasting import NAMES
from machines.run import canonical_line
from model import history
from pool import effects, events
from pool.record import KINDS


def classes(module: Any) -> list[type]:
    own = [kind for kind in vars(module).values() if attrs.has(kind)]
    return [kind for kind in own if kind.__module__ == module.__name__]


@pytest.mark.parametrize("module", [events, effects, history], ids=lambda it: it.__name__)
def test_every_event_effect_and_record_has_a_lasting_name_of_its_own(module: Any) -> None:
    names = [NAMES[kind] for kind in classes(module)]
    assert len(names) == len(set(names)) > 10


def test_the_flight_recorder_knows_every_event() -> None:
    assert set(KINDS.values()) == set(classes(events))


def test_the_log_goes_by_lasting_names_and_refuses_what_has_none() -> None:
    @attrs.frozen
    class Unnamed:
        worker: int

    assert canonical_line(events.WorkerReady(3)) == '["WorkerReady",3]'
    with pytest.raises(KeyError, match="Unnamed"):
        canonical_line(Unnamed(3))
