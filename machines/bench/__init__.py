"""The bench: our pool and its peers side by side, each measure in a process of its own."""
