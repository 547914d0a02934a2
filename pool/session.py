"""A session as its client holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from pool.names import Affinity
from pool.submitter import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from types import TracebackType

    from pool.desk import Desk
    from pool.futures import TaskFuture

P = ParamSpec("P")
T = TypeVar("T")
State = dict[Any, Any]


class Session:
    """A place for state in one worker; made by `Pool.session`.

    As a context manager it is closed at the end of the block. Without one it lives until `close`,
    or until it has had no task for `session_ttl` seconds.

    Attributes:
        name: what the client calls it.
    """

    def __init__(self, desk: Desk, name: Hashable, number: int, options: Options) -> None:
        self.name = name
        self._desk = desk
        self._number = number
        self._options = options

    def submit(
        self, fn: Callable[Concatenate[State, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> TaskFuture[T]:
        """`fn(state, *args, **kwargs)` is accepted, and its future returned.

        It runs on the session's worker, after what was submitted to the session before.

        Args:
            fn: is handed the session's state, a dictionary that lives in the worker.
            *args: its other positional arguments.
            **kwargs: its keyword arguments.

        Raises:
            SessionLost: its worker was lost, or it was closed or has expired; `reopen` it.
            PoolSaturated, PoolShutdown, PoolBroken, PayloadError: as for `Pool.submit`.
        """
        options = self._options
        return self._desk.submit(
            (fn, args, kwargs),
            deadline=options.deadline,
            session=Affinity(self._number, self.name),
        )

    def options(self, *, deadline: float | None = None) -> Session:
        """A view of this session is returned whose `submit` applies these options.

        A session's task is never started twice: its first start may have changed the state.

        Args:
            deadline: seconds from the submit until the task must have resolved.

        Raises:
            ValueError: a value is out of its range.
        """
        return Session(self._desk, self.name, self._number, Options(deadline))

    def reopen(self) -> Self:
        """The session takes tasks again, with an empty state if its old one is gone.

        Raises:
            PoolShutdown, PoolBroken: the pool takes nothing any more.
        """
        self._desk.open_session(self.name, reopen=self._number)
        return self

    def close(self) -> None:
        """Nothing more is accepted; what was accepted still runs, then the state is dropped."""
        self._desk.close_session(self._number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()
