"""The suites: performance, load and chaos, by command."""
