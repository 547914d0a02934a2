"""Lasting names: what the canonical log calls events, effects and records.

A digest must be the same for ever, and classes get better names. So the log has names of its own:
whoever renames a class leaves its name here, and whoever adds one gives it a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from model import history as saw
from pool import effects as do
from pool.record import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_EFFECTS: Final[Mapping[str, type]] = {
    "Outcome": do.Outcome,
    "SpawnWorker": do.SpawnWorker,
    "SendTask": do.SendTask,
    "RecallTasks": do.RecallTasks,
    "DropSession": do.DropSession,
    "CheckWorker": do.CheckWorker,
    "FailOver": do.FailOver,
    "StopWorker": do.StopWorker,
    "KillWorker": do.KillWorker,
    "ResolveTask": do.ResolveTask,
    "RefuseTask": do.RefuseTask,
    "RefuseSession": do.RefuseSession,
    "SetTimer": do.SetTimer,
    "ClearTimer": do.ClearTimer,
    "WorkerMoved": do.WorkerMoved,
    "SessionMoved": do.SessionMoved,
    "BreakerMoved": do.BreakerMoved,
    "Trouble": do.Trouble,
    "RetryPlanned": do.RetryPlanned,
    "ResultDropped": do.ResultDropped,
    "PoolBroke": do.PoolBroke,
    "PoolClosed": do.PoolClosed,
}

_RECORDS: Final[Mapping[str, type]] = {
    "Opened": saw.Opened,
    "Submitted": saw.Submitted,
    "Refused": saw.Refused,
    "CancelAsked": saw.CancelAsked,
    "SessionAsked": saw.SessionAsked,
    "SessionRefused": saw.SessionRefused,
    "SessionMoved": saw.SessionMoved,
    "Assigned": saw.Assigned,
    "Recalled": saw.Recalled,
    "Diverted": saw.Diverted,
    "FallbackRefused": saw.FallbackRefused,
    "Started": saw.Started,
    "Finished": saw.Finished,
    "Found": saw.Found,
    "Resolved": saw.Resolved,
    "Answered": saw.Answered,
    "RetryPlanned": saw.RetryPlanned,
    "Troubled": saw.Troubled,
    "CheckAsked": saw.CheckAsked,
    "CheckAnswered": saw.CheckAnswered,
    "Bloated": saw.Bloated,
    "Moved": saw.Moved,
    "Misfit": saw.Misfit,
    "BreakerMoved": saw.BreakerMoved,
    "StartAsked": saw.StartAsked,
    "Launched": saw.Launched,
    "Died": saw.Died,
    "Struck": saw.Struck,
    "Unpickled": saw.Unpickled,
    "ShutdownAsked": saw.ShutdownAsked,
    "Broke": saw.Broke,
    "Closed": saw.Closed,
    "LeftOver": saw.LeftOver,
    "Told": saw.Told,
    "Overslept": saw.Overslept,
    "Healed": saw.Healed,
}

NAMES: Final[Mapping[type, str]] = {
    kind: name for table in (KINDS, _EFFECTS, _RECORDS) for name, kind in table.items()
}
