"""The setting: what of the configuration a trace chooses, and what it may not."""

from __future__ import annotations

import attrs
import pytest

from machines.setting import Setting
from pool.recovery import Category, Shape, Strategy


def test_every_part_has_a_default_so_that_old_files_stay_valid() -> None:
    assert attrs.asdict(Setting())
    assert Setting() == Setting(size=2)


def test_what_is_chosen_is_in_the_pools_configuration() -> None:
    setting = Setting(
        size=1,
        max_overflow=2,
        strategy="fifo",
        health_failures_max=2,
        start_failures_max=4,
        openings_max=5,
        probes_max=3,
        lost="backoff_retry",
        backoff="fibonacci",
        fallback=True,
    )
    config = setting.config()
    assert (config.size, config.max_overflow, config.strategy) == (1, 2, "fifo")
    assert config.health_failures_max == 2
    breaker = config.breaker
    assert (breaker.failures_max, breaker.openings_max, breaker.probes_max) == (4, 5, 3)
    assert config.retry.strategies[Category.CONNECTION] is Strategy.BACKOFF_RETRY
    assert config.retry.strategies[Category.COMMUNICATION] is Strategy.BACKOFF_RETRY
    assert config.retry.backoff.shape is Shape.FIBONACCI
    assert config.fallback is not None
    assert Setting().config().fallback is None


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"strategy": "best"}, "strategy must be one of lifo, fifo, not 'best'"),
        ({"lost": "hope"}, "lost must be one of immediate_retry, .* not 'hope'"),
        ({"backoff": "none"}, "backoff must be one of linear, .* not 'none'"),
        ({"probes_max": 0}, "probes_max must be 1 to 100, not 0"),
        ({"max_overflow": 17}, "max_overflow must be 0 to 16, not 17"),
        ({"queue_limit": 0, "lazy": True}, "queue_limit must be 1 or more with lazy"),
        ({"queue_limit": 0, "max_overflow": 1}, "queue_limit must be 1 or more with lazy"),
    ],
)
def test_a_setting_that_no_pool_can_have_is_refused(chosen: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Setting(**chosen)  # type: ignore[arg-type]
