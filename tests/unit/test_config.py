"""The configuration: valid once made, and each bad value is refused in one clear line."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from pool import Pool, PoolConfig
from pool.breaker import BreakerPolicy
from pool.recovery import RetryPolicy

NAN = float("nan")
LINE_MAX = 120

OUT_OF_RANGE: list[tuple[str, Any]] = [
    ("size", 0),
    ("size", -1),
    ("max_overflow", -1),
    ("overflow_idle", 0),
    ("strategy", "random"),
    ("strategy", None),
    ("queue_limit", -1),
    ("prefetch", -1),
    ("task_timeout", 0),
    ("task_timeout", -1.0),
    ("task_timeout", NAN),
    ("init_timeout", 0),
    ("init_timeout", -1.0),
    ("init_timeout", NAN),
    ("health_interval", 0.0),
    ("health_timeout", NAN),
    ("health_failures_max", 0),
    ("session_ttl", -1),
    ("tasks_max", 0),
    ("age_max", 0),
    ("memory_limit", 0),
    ("grace", 0),
    ("grace", -1.0),
    ("grace", NAN),
    ("start_method", "thread"),
    ("start_method", None),
    ("frame_bytes_max", 1023),
    ("record_bytes_max", 65535),
]

OF_WRONG_TYPE: list[tuple[str, Any]] = [
    ("size", "4"),
    ("size", 4.0),
    ("size", None),
    ("size", True),
    ("max_overflow", None),
    ("overflow_idle", None),
    ("lazy", 1),
    ("lazy", None),
    ("queue_limit", 1.5),
    ("queue_limit", "10"),
    ("prefetch", None),
    ("task_timeout", "1"),
    ("init_timeout", "1"),
    ("init_timeout", True),
    ("health_interval", "30"),
    ("health_timeout", None),
    ("health_failures_max", 2.5),
    ("session_ttl", "300"),
    ("tasks_max", 1.0),
    ("age_max", "1"),
    ("memory_limit", 1e9),
    ("retry", 3),
    ("breaker", 3),
    ("fallback", print),
    ("grace", "1"),
    ("grace", None),
    ("initializer", "print"),
    ("initargs", [1, 2]),
    ("initargs", "ab"),
    ("preload", 5),
    ("preload", "json"),
    ("preload", [5]),
    ("frame_bytes_max", 2048.0),
    ("record", 5),
    ("telemetry", 5),
    ("telemetry", (print, None)),
    ("record_bytes_max", None),
]


def line_of(error: BaseException) -> str:
    """What the error says, once it is known to be one line that fits on a screen."""
    line = str(error)
    assert "\n" not in line
    assert len(line) <= LINE_MAX, line
    return line


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE, ids=str)
def test_value_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name) as refused:
        PoolConfig(**{name: value})
    line = line_of(refused.value)
    assert repr(value) in line


@pytest.mark.parametrize(("name", "value"), OF_WRONG_TYPE, ids=str)
def test_value_of_a_wrong_type_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(TypeError) as refused:
        PoolConfig(**{name: value})
    line = line_of(refused.value)
    assert name in line


def test_unknown_start_method_names_the_known_ones() -> None:
    known = ", ".join(multiprocessing.get_all_start_methods())
    expected = f"start_method must be one of {known}, not 'thread'"
    with pytest.raises(ValueError, match="start_method") as refused:
        PoolConfig(start_method="thread")
    assert expected == str(refused.value)


def test_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="workers"):
        PoolConfig(workers=4)  # type: ignore[call-arg]


def test_settings_are_given_by_name_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        PoolConfig(4)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["lazy", "max_overflow"])
def test_without_a_queue_no_worker_can_start_for_a_task(name: str) -> None:
    wrong = {"max_overflow": 1} if name == "max_overflow" else {"lazy": True}
    with pytest.raises(ValueError, match=r"^queue_limit must be at least 1 with lazy or max_ove"):
        PoolConfig(queue_limit=0, **wrong)
    assert PoolConfig(queue_limit=1, **wrong).queue_limit == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 1),
        ("max_overflow", 0),
        ("overflow_idle", 0.001),
        ("lazy", True),
        ("strategy", "fifo"),
        ("queue_limit", 0),
        ("queue_limit", None),
        ("prefetch", 0),
        ("task_timeout", None),
        ("task_timeout", 0.001),
        ("task_timeout", 1),
        ("init_timeout", None),
        ("health_interval", None),
        ("health_failures_max", 1),
        ("session_ttl", None),
        ("tasks_max", 1),
        ("age_max", 0.001),
        ("memory_limit", 1),
        ("retry", RetryPolicy(seed=3)),
        ("breaker", BreakerPolicy(failures_max=1)),
        ("fallback", None),
        ("grace", 0.001),
        ("initializer", print),
        ("initializer", None),
        ("initargs", (1, 2)),
        ("frame_bytes_max", 1024),
        ("record", None),
        ("record_bytes_max", 65536),
    ],
    ids=str,
)
def test_value_at_the_edge_of_its_range_is_kept(name: str, value: Any) -> None:
    assert getattr(PoolConfig(**{name: value}), name) == value


DEFAULTS = {
    "max_overflow": 0,
    "overflow_idle": 5.0,
    "lazy": False,
    "strategy": "lifo",
    "queue_limit": None,
    "prefetch": 16,
    "task_timeout": None,
    "init_timeout": 60.0,
    "health_interval": 30.0,
    "health_timeout": 5.0,
    "health_failures_max": 3,
    "session_ttl": 300.0,
    "tasks_max": None,
    "age_max": None,
    "memory_limit": None,
    "retry": RetryPolicy(),
    "breaker": BreakerPolicy(),
    "fallback": None,
    "grace": 5.0,
    "start_method": "forkserver",
    "initializer": None,
    "initargs": (),
    "preload": (),
    "frame_bytes_max": 1 << 30,
    "telemetry": (),
    "record": None,
    "record_bytes_max": 1 << 26,
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_every_setting_has_its_default(name: str, value: Any) -> None:
    assert getattr(PoolConfig(), name) == value


def test_by_default_there_are_as_many_workers_as_processors() -> None:
    assert PoolConfig().size == os.cpu_count()


def test_the_path_of_the_record_may_be_a_string() -> None:
    assert PoolConfig(record="pool.log").record == Path("pool.log")


def test_one_callback_of_telemetry_is_as_good_as_several() -> None:
    assert PoolConfig(telemetry=print).telemetry == (print,)
    assert PoolConfig(telemetry=[print, repr]).telemetry == (print, repr)


def test_an_executor_is_taken_as_the_fallback() -> None:
    with ThreadPoolExecutor() as executor:
        assert PoolConfig(fallback=executor).fallback is executor


def test_names_to_preload_become_a_tuple() -> None:
    assert PoolConfig(preload=["json", "queue"]).preload == ("json", "queue")


def test_configuration_cannot_be_changed() -> None:
    config = PoolConfig(size=2)
    with pytest.raises(FrozenInstanceError):
        config.size = 3  # type: ignore[misc]


def test_equal_settings_make_equal_configurations() -> None:
    assert PoolConfig(size=2, queue_limit=3) == PoolConfig(queue_limit=3, size=2)
    assert PoolConfig(size=2) != PoolConfig(size=3)


# What the pool makes of it. No process starts before the settings are known to be right.


def test_pool_takes_a_configuration_or_settings_but_not_both() -> None:
    with pytest.raises(TypeError, match=r"^give config or queue_limit, size, not both$"):
        Pool(config=PoolConfig(), size=2, queue_limit=1)


def test_pool_refuses_a_bad_setting_as_the_configuration_does() -> None:
    with pytest.raises(ValueError, match="size"):
        Pool(size=0)


def test_pool_refuses_an_unknown_setting_by_name() -> None:
    with pytest.raises(TypeError, match="max_workers"):
        Pool(max_workers=2)


@pytest.fixture(scope="module")
def lazy_pool() -> Any:
    """A pool whose methods check their arguments; its one worker gets no task."""
    with Pool(size=1) as pool:
        yield pool


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"deadline": 0}, "deadline must be more than 0 seconds, not 0"),
        ({"deadline": -1.5}, "deadline must be more than 0 seconds, not -1.5"),
        ({"deadline": NAN}, "deadline must be more than 0 seconds, not nan"),
        ({"idempotent": True, "retries": -1}, "retries must be at least 0, not -1"),
        (
            {"retries": 0},
            "retries needs idempotent=True: only such a function may start twice",
        ),
        (
            {"retries": 2},
            "retries needs idempotent=True: only such a function may start twice",
        ),
    ],
)
def test_bad_option_is_refused_in_one_line(
    lazy_pool: Pool, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=f"^{expected}$"):
        lazy_pool.options(**options)


@pytest.mark.parametrize(
    ("options", "retries"),
    [
        ({}, 0),
        ({"idempotent": True}, 1),
        ({"idempotent": True, "retries": 0}, 0),
        ({"idempotent": True, "retries": 5}, 5),
    ],
)
def test_only_idempotent_tasks_are_retried(
    lazy_pool: Pool, options: dict[str, Any], retries: int
) -> None:
    assert retries == lazy_pool.options(**options)._options.retries


def test_no_option_takes_a_keyword_argument_of_the_function(lazy_pool: Pool) -> None:
    given = {"fn": 1, "self": 2, "deadline": 3, "idempotent": 4, "retries": 5}
    assert given == lazy_pool.submit(dict, **given).result(timeout=60)
    assert given == lazy_pool.options(deadline=60).submit(dict, **given).result(timeout=60)


def test_options_are_given_by_name_only(lazy_pool: Pool) -> None:
    with pytest.raises(TypeError, match="positional"):
        lazy_pool.options(2.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("grace", [-0.1, NAN])
def test_bad_grace_is_refused_and_the_pool_stays_open(lazy_pool: Pool, grace: float) -> None:
    with pytest.raises(ValueError, match="grace") as refused:
        lazy_pool.shutdown(grace=grace)
    assert f"grace must be at least 0 seconds, not {grace!r}" == line_of(refused.value)
    assert lazy_pool.submit(abs, -1).result(timeout=60) == 1
