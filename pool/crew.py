"""The crew: the production loop's worker processes, by their numbers.

Only the loop's thread starts, kills and reaps. Everything that sends is called with the loop's
lock held, from any thread; what is sent within one hold of the lock goes out together, with
`flush`. What workers send is read by whoever listens: see `pool/listening.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pool import effects as do
from pool import events as told
from pool import exits
from pool.errors import FrameError
from pool.frames import Flag, Kind
from pool.member import Member
from pool.processes import MainFile, WorkerProcess, context_for
from pool.protocol import event_of
from pool.worker import WorkerSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig
    from pool.frames import Payload
    from pool.poller import Poller


# A worker that hung up and is not dead by then lives on without its pipe.
FAREWELL_S: Final = 0.1


# As plain numbers: an operation of the enum's costs ten times as much.
_OPENS, _AHEAD = int(Flag.OPENS), int(Flag.AHEAD)


class Source(NamedTuple):
    """Where something became readable: a worker's socket, or the end of its process."""

    worker: int
    ended: bool


class Crew:
    """The processes of one pool.

    Args:
        config: the pool's configuration.
        poller: where the ends of processes are registered, each with its worker's number.
        ears: where sockets are.
    """

    def __init__(
        self, config: PoolConfig, poller: Poller[Any], ears: Poller[Source | None]
    ) -> None:
        self._bytes_max = config.frame_bytes_max
        self._poller = poller
        self._ears = ears if ears.shared else poller
        self._context = context_for(config)
        self._main_file = MainFile()
        self._starting: list[WorkerProcess] = []
        self._members: dict[int, Member] = {}
        self._unsent: dict[int, Member] = {}
        self._setup = WorkerSetup(
            config.initializer, config.initargs, config.frame_bytes_max, config.memory_limit
        )

    def pids(self) -> dict[int, int]:
        """The process identifier of each process that is not reaped, by worker number."""
        return {number: member.process.pid for number, member in list(self._members.items())}

    # In the loop's thread, without the lock: what the operating system may take its time for.

    def start(self, worker: int) -> WorkerProcess:
        """A process runs, which `enlist` makes a worker of this crew.

        Raises:
            Exception: it could not be started; an initializer may refuse to be pickled, too.
        """
        self._main_file.restored()
        process = WorkerProcess(worker, self._context, self._setup, keeper=self._starting)
        if self._main_file.restored():  # the main script ended just now; did this one see it?
            bury(process)
            process = WorkerProcess(worker, self._context, self._setup, keeper=self._starting)
        return process

    # With the loop's lock held.

    def enlist(self, worker: int, process: WorkerProcess) -> None:
        """The process is a worker of this crew, and is heard."""
        member = Member(process, self._bytes_max)
        self._ears.register(member.fileno(), Source(worker, ended=False))
        self._poller.register(process.exit_fd, Source(worker, ended=True))
        self._members[worker] = member
        self._starting.clear()

    def discharge(self, worker: int) -> WorkerProcess | None:
        """The worker is of this crew no more; its process is returned, for `bury`.

        None is returned if there is none.
        """
        member = self._members.get(worker)
        if member is None:
            return None
        self._unwatch(member)
        del self._members[worker]
        self._unsent.pop(worker, None)
        return member.process

    def disband(self) -> None:
        """No process is left, whatever state it was in, and nothing of the client's is held."""
        self._setup = WorkerSetup()
        for number, member in list(self._members.items()):
            self._unwatch(member)
            bury(member.process)
            del self._members[number]
        for process in self._starting:  # its start was interrupted
            if process.exit_fd >= 0:
                bury(process)

    def news(self, source: Source) -> list[told.Event]:
        """What became readable is returned: a worker's replies, and after them its exit."""
        member = self._members.get(source.worker)
        if member is None or not member.heard:
            return []
        return self._hear(source.worker, member, ended=source.ended)

    def _hear(self, worker: int, member: Member, *, ended: bool) -> list[told.Event]:
        """What a worker has sent is returned; all of it, and its exit, if it has ended."""
        events: list[told.Event] = []
        try:
            while (frames := member.read()) is not None:
                events += [event_of(worker, frame) for frame in frames]
                if not ended:
                    return events
        except FrameError as error:
            self._unwatch(member)
            events.append(told.FrameCorrupt(worker, error.reason))
            return events
        if member.hung_up or ended:
            events.append(self._gone(worker, member))
        return events

    def _gone(self, worker: int, member: Member) -> told.Event:
        """The worker hung up: it is dead, or as good as dead, and must not come back."""
        self._unwatch(member)
        process = member.process
        # A dying process closes its socket a moment before it is dead and has an exit code.
        if process.reap(FAREWELL_S):
            return told.WorkerExited(worker, process.code, process.unstarted)
        process.kill()
        process.reap()
        return told.WorkerExited(worker, exits.PIPE_CLOSED, process.unstarted)

    def recounted(self, event: told.WorkerExited) -> told.WorkerExited:
        """The exit is returned with what was sent to the worker since it was seen counted, too.

        Replies that were heard together with it make the core send more, and none of that began.
        """
        member = self._members.get(event.worker)
        if member is None:
            return event
        return told.WorkerExited(event.worker, event.code, member.process.unstarted)

    def send_task(self, effect: do.SendTask, payload: Payload) -> None:
        """The task's frame goes out with the next `flush`."""
        member = self._members[effect.worker]
        member.process.sent += 1
        session, flags = 0, 0
        if effect.session is not None:
            session = effect.session + 1
            flags = _OPENS if effect.opens else 0
        elif effect.ahead:
            flags = _AHEAD
            member.put_token()
        member.put(Kind.TASK, effect.task, effect.attempt, payload, session=session, flags=flags)
        self._unsent[effect.worker] = member

    def send_order(self, effect: do.Effect) -> bool:
        """The frame of a smaller order goes out with the next `flush`, if there is such a worker.

        Returns:
            Whether there is; a process that is being started is none yet.
        """
        worker: int = effect.worker  # type: ignore[union-attr]
        member = self._members.get(worker)
        if member is None:
            return False
        _ORDERS[type(effect)](member, effect)
        self._unsent[worker] = member
        return True

    def recall(self, worker: int, tasks_max: int) -> int:
        """How many of the last tasks that were sent ahead to a worker were taken back."""
        return self._members[worker].recall(tasks_max)

    def flush(self) -> bool:
        """What was put is sent; whether the poller must be told that some of it is left."""
        if not self._unsent:
            return False
        left = False
        for number, member in list(self._unsent.items()):
            if not member.flush():
                del self._unsent[number]
                if member.writing:
                    self._watch_writes(member, watched=False)
            elif not member.writing:
                left = True
                if self._ears.shared:
                    self._watch_writes(member, watched=True)
        return left and not self._ears.shared

    def watch_writes(self) -> None:
        """Each socket with something left to send is watched for room."""
        for member in self._unsent.values():
            if member.backlog and not member.writing:
                self._watch_writes(member, watched=True)

    def _watch_writes(self, member: Member, *, watched: bool) -> None:
        if member.heard:
            self._ears.watch_writes(member.fileno(), watched=watched)
            member.writing = watched

    def _unwatch(self, member: Member) -> None:
        if member.heard:
            member.heard = member.writing = False
            self._ears.unregister(member.fileno())
            self._poller.unregister(member.process.exit_fd)


def bury(process: WorkerProcess) -> int:
    """The process is dead, reaped and closed; how many of its tasks it never began is returned."""
    process.kill()
    process.reap()
    unstarted = process.unstarted
    process.close()
    return unstarted


_ORDERS: Final[dict[type, Callable[[Member, Any], None]]] = {
    do.StopWorker: lambda member, _: member.put(Kind.STOP),
    do.CheckWorker: lambda member, effect: member.put(Kind.CHECK, effect.check),
    do.DropSession: lambda member, effect: member.put(Kind.DROP, session=effect.session + 1),
}
