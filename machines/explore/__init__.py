"""The complete search: every schedule within bounds, finished and not sampled."""
