"""`isolated`: a block, or a test, with a fresh pool of its own."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from machines.harness.instance import FREE, GRACE_S, Instance, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from machines.setting import Setting
    from pool import PoolConfig

F = TypeVar("F", bound="Callable[..., Any]")

POOL, INSTANCE = "isolated_pool", "isolated_instance"
PLAN: Final = "poolcheck_plan"


class isolated:  # noqa: N801 - it is used as a decorator, and as what a `with` block calls
    """A fresh instance for a block, or for each call of a function.

    As a decorator it hands the function its pool as `isolated_pool`, or all of the instance as
    `isolated_instance`, if it has an argument of that name; under pytest the fixtures do.

    Args:
        layer: `sim`, `wire`, `real` or `free`, the production pool.
        pool_config: of the pool: fields of `PoolConfig` on `free`, of `Setting` elsewhere.
        seed: with the test's name it fixes the stream of random numbers.
        make: makes another pool to isolate; only on `free`.
        grace: seconds that the pool gets to end in good order.
        relayed: whether its workers can be cut off by a partition; only on `free`.
        otherwise: the layer to fall back to where no process can be had; only from `real`.

    Raises:
        TypeError: the configuration has no such field.
        ValueError: a value is out of its range, or there is no such layer.
    """

    def __init__(
        self,
        layer: str = FREE,
        pool_config: Mapping[str, Any] | PoolConfig | Setting | None = None,
        *,
        seed: int = 0,
        make: Callable[[], Any] | None = None,
        grace: float = GRACE_S,
        relayed: bool = False,
        otherwise: str | None = None,
    ) -> None:
        config = {} if pool_config is None else pool_config
        self.plan = Plan(
            layer=layer,
            config=config,
            seed=seed,
            make=make,
            grace=grace,
            relayed=relayed,
            otherwise=otherwise,
        )
        self._instances: list[Instance] = []

    def __enter__(self) -> Instance:
        instance = Instance(self.plan)
        instance.start()
        self._instances.append(instance)
        return instance

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._instances.pop().__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """The function, each call of which has an instance of its own."""
        wanted = set(inspect.signature(function).parameters) & {POOL, INSTANCE}
        plan = self.plan_for(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if wanted & set(kwargs):  # pytest's fixtures have made it, by the plan
                return function(*args, **kwargs)
            with Instance(plan) as instance:
                made = {POOL: instance.pool, INSTANCE: instance}
                return function(*args, **{name: made[name] for name in wanted}, **kwargs)

        setattr(call, PLAN, plan)
        return call  # type: ignore[return-value]

    def plan_for(self, function: Callable[..., Any]) -> Plan:
        """The plan, with the function's name."""
        return attrs.evolve(self.plan, label=function.__qualname__)
