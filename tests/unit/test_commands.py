"""Every command's help shows its examples line by line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from machines.cli import command


@pytest.mark.parametrize("name", sorted(command.commands))
def test_help_shows_examples_as_they_were_written(name: str) -> None:
    ran = CliRunner().invoke(command, [name, "--help"])
    assert ran.exit_code == 0
    assert "\\b" not in ran.output
    written = [line.strip() for line in (command.commands[name].help or "").splitlines()]
    examples = [line for line in written if line.startswith(f"poolcheck {name} ")]
    shown = [line.strip() for line in ran.output.splitlines()]
    assert [line for line in examples if line not in shown] == []
