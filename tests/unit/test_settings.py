"""The suites' configuration: whole, overridden visibly, and refused in one line that says why."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from machines.suites import settings
from machines.suites.settings import LAYERS, SettingsError

ROOT = Path(__file__).parents[2]
FILE = ROOT / "pyproject.toml"


def changed(folder: Path, old: str, new: str) -> Path:
    text = FILE.read_text()
    assert old in text
    file = folder / "pyproject.toml"
    file.write_text(text.replace(old, new, 1))
    return file


def test_every_layer_has_every_setting_and_each_threshold_its_source() -> None:
    found = settings.load(FILE, {})
    assert tuple(found.layers) == LAYERS
    assert found.overrides == ()
    for name, layer in found.layers.items():
        assert layer.layer == name
        assert layer.size >= 1
        assert all(one.source.strip() for one in layer.thresholds.values())
    assert found.on("free").threshold("sustained_p99_ms") == 10.0


def test_an_override_holds_and_is_told() -> None:
    said = {"POOLCHECK_FREE_SIZE": "8", "POOLCHECK_FREE_SUSTAINED_P99_MS": "25.5"}
    found = settings.load(FILE, said)
    assert found.on("free").size == 8
    assert found.on("free").threshold("sustained_p99_ms") == 25.5
    assert found.on("sim").size == 2
    assert [str(one) for one in found.overrides] == [
        "free.size = 8 instead of 4 (POOLCHECK_FREE_SIZE)",
        "free.sustained_p99_ms = 25.5 instead of 10.0 (POOLCHECK_FREE_SUSTAINED_P99_MS)",
    ]
    assert found.facts()[0] == {
        "variable": "POOLCHECK_FREE_SIZE",
        "key": "free.size",
        "was": 4,
        "now": 8,
    }


@pytest.mark.parametrize(
    ("variable", "value", "legal"),
    [
        ("POOLCHECK_FREE_SIZE", "0", "a whole number, 1 to 16"),
        ("POOLCHECK_FREE_SIZE", "2.5", "a whole number, 1 to 16"),
        ("POOLCHECK_SIM_TASK_TIMEOUT", "nan", "a number of seconds, 0.001 to 3600"),
        ("POOLCHECK_REAL_LOG_LEVEL", "loud", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("POOLCHECK_FREE_RELAYED", "perhaps", "true or false"),
        ("POOLCHECK_FREE_SUSTAINED_P50_MS", "-1", "a number of milliseconds, 0 to 1e+09"),
        ("POOLCHECK_FREE_SIZES", "2", "POOLCHECK_FREE_SIZE,"),
        ("POOLCHECK_SIM_RELAYED", "true", "POOLCHECK_SIM_SIZE,"),
    ],
)
def test_a_bad_override_is_refused_with_key_value_and_what_is_legal(
    variable: str, value: str, legal: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.load(FILE, {variable: value})
    words = str(refused.value)
    assert words.startswith(f"{variable} = ")
    assert value in words
    assert legal in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("size = 4", "size = true", "tool.poolcheck.free.size = True: legal: a whole number"),
        ("relayed = false", "relay = false", "tool.poolcheck.free.relay = False: legal keys"),
        ("relayed = false", "", "tool.poolcheck.free.relayed is missing"),
        ("value = 1000,", "value = 'many',", "sustained_per_s.value = 'many': legal: a number"),
        ("sustained_per_s", "sustained", "thresholds.sustained: legal: a name that ends in"),
        (', source = "issue 8: error rate 0"', "", "failed_percent.source is missing"),
        ('"issue 8: error rate 0"', '" "', "failed_percent.source = ' ': legal: who"),
        ("thresholds = {}", "thresholds = 3", "sim.thresholds = 3: legal: a table"),
        ("[tool.poolcheck.sim]", "[tool.poolcheck.simulated]", "tool.poolcheck.simulated = "),
        ("[tool.poolcheck.sim]", "[tool.poolcheck", "pyproject.toml: "),
    ],
)
def test_a_bad_file_is_refused_with_key_value_and_what_is_legal(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.load(changed(tmp_path, old, new), {})
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_nearest_file_with_the_table_is_found_and_else_the_projects_own(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    assert settings.find(inner) == FILE
    (inner / "pyproject.toml").write_text("[tool.other]\n")
    file = changed(tmp_path, "size = 4", "size = 3")
    assert settings.find(inner) == file
    assert settings.load(file, {}).on("free").size == 3


def test_what_is_not_there_is_asked_for_in_vain() -> None:
    found = settings.load(FILE, {})
    with pytest.raises(SettingsError, match=r"layer 'cloud': layers are sim, wire, real, free"):
        found.on("cloud")
    with pytest.raises(SettingsError, match=r"has no speed_ms; it has sustained_per_s, "):
        found.on("free").threshold("speed_ms")


def test_the_pool_logs_at_the_layers_level_for_a_block() -> None:
    logger = logging.getLogger("pool")
    before = logger.level
    with settings.load(FILE, {"POOLCHECK_SIM_LOG_LEVEL": "ERROR"}).on("sim").logged():
        assert logger.level == logging.ERROR
    assert logger.level == before


def pytest_says(**said: str) -> subprocess.CompletedProcess[str]:
    test = "tests/unit/test_settings.py::test_what_is_not_there_is_asked_for_in_vain"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **said}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_pytest_tells_overrides_first_and_last() -> None:
    ran = pytest_says(POOLCHECK_WIRE_SIZE="3")
    line = "poolcheck setting: wire.size = 3 instead of 2 (POOLCHECK_WIRE_SIZE)"
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count(line) == 2


def test_pytest_ends_with_exit_code_2_where_an_override_is_bad() -> None:
    ran = pytest_says(POOLCHECK_WIRE_SIZE="none")
    assert ran.returncode == 2
    words = "poolcheck: POOLCHECK_WIRE_SIZE = 'none': legal: a whole number, 1 to 16"
    assert words in ran.stdout + ran.stderr
