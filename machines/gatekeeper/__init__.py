"""The gate: one command that decides a pull request."""
