"""Load: operations that come at their own time, whatever the pool is doing."""
