"""Drives the pool, judges it with the model: machines, drivers, faults, replay."""
