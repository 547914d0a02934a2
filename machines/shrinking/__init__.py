"""Shrinking, measured: long failing traces of every planted bug, and what is left of each."""
