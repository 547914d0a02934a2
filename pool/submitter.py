"""Options of one submit, and a view of a pool that applies them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from attrs import Attribute, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.desk import Desk
    from pool.futures import TaskFuture

P = ParamSpec("P")
T = TypeVar("T")


def _deadline(_: Any, __: Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"deadline must be more than 0 seconds, not {value!r}")


def _retries(_: Any, __: Attribute[Any], value: int) -> None:
    if value < 0:
        raise ValueError(f"retries must be at least 0, not {value!r}")


@frozen
class Options:
    """What one submit may ask for beyond the call itself.

    Attributes:
        deadline: seconds from the submit until the task must have resolved; None for the pool's.
        retries: how many more times its function may start after its worker was lost.

    Raises:
        ValueError: a value is out of its range.
    """

    deadline: float | None = field(default=None, validator=_deadline)
    retries: int = field(default=0, validator=_retries)


@frozen
class Submitter:
    """A pool's `submit` with options applied; made by `Pool.options`."""

    _desk: Desk
    _options: Options

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """As `Pool.submit`, with the options that this view was made with."""
        options = self._options
        return self._desk.submit(
            (fn, args, kwargs), deadline=options.deadline, retries=options.retries
        )
