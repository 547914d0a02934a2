"""Chaos: everything that can go wrong with workers, under load, and what is demanded after it."""
