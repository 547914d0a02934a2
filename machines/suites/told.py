"""A pytest plugin: the suites' configuration is checked first, and what overrode it is told.

Loaded in every pytest run where poolcheck is installed, so it imports nothing of weight.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from machines.suites.settings import FILE, Settings, SettingsError, find, load

_key: Final = pytest.StashKey["Settings | None"]()


def pytest_configure(config: pytest.Config) -> None:
    """A configuration that cannot be used ends the run with exit code 2."""
    file = config.rootpath / FILE
    try:
        here = file.is_file() and find(config.rootpath) == file.absolute()
        config.stash[_key] = load(file) if here else None
    except SettingsError as error:
        pytest.exit(f"poolcheck: {error}", returncode=2)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Each value that the environment has changed, in a line."""
    return lines(config.stash[_key])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The same once more where the outcome is read."""
    overrides = lines(config.stash[_key])
    if overrides:
        terminalreporter.section("poolcheck settings")
        for line in overrides:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def poolcheck_settings(request: pytest.FixtureRequest) -> Settings:
    """The suites' configuration, by layer; `poolcheck_settings.on("free")`."""
    settings = request.config.stash[_key]
    return load() if settings is None else settings


def lines(settings: Settings | None) -> list[str]:
    """What is told of overrides.

    Args:
        settings: None where there are none.
    """
    return [] if settings is None else [f"poolcheck setting: {one}" for one in settings.overrides]
