"""The completion report: what there is, how much, how good, and what is missing, by command."""
