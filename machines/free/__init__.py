"""The `free` layer: clients, a nemesis and the production loop, all at once, and what they saw."""
