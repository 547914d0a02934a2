"""Hypothesis's choices without its mutator: each rule as likely as the next.

Hypothesis's own generator repeats and varies what it drew before, which finds the long ordered
sequences that break pools five to ten times more slowly (docs/decisions/0004-uniform-choices.md
has the figures). A provider is its documented, experimental way to choose otherwise; shrinking
stays Hypothesis's. Constants found in local source are left out too, so that a seed gives the
same examples whatever else is imported.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

BACKEND: Final = "poolcheck-uniform"
_NO_BOUND: Final = 10**10  # as Hypothesis says it


class Uniform(HypothesisProvider):
    """The standard provider, under a name for which Hypothesis does not mutate."""

    def draw_bytes(self, min_size: int = 0, max_size: int = _NO_BOUND) -> bytes:
        """So many bytes; where their number is fixed they are drawn at once."""
        if min_size == max_size and self._random is not None:
            return self._random.randbytes(min_size)
        return super().draw_bytes(min_size, max_size)

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[BACKEND] = f"{Uniform.__module__}.{Uniform.__qualname__}"
