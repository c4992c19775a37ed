"""Settings: what is given beats the environment, which beats the defaults; every mistake named."""

import os
from pathlib import Path

import pytest

from dataflux.errors import Invalid
from dataflux.settings import Settings, default_home, unknown, variable

DOCUMENTED = Path(__file__).parents[2] / "docs/settings.md"


def test_defaults_need_nothing() -> None:
    settings = Settings.from_env({})
    assert settings.home == default_home()
    assert settings.watched == default_home() / "inbox"
    assert (settings.lease_s, settings.renew_s, settings.port) == (60.0, 20.0, 0)
    assert settings.slots == os.cpu_count()


def test_given_beats_environment_beats_default() -> None:
    environ = {"DATAFLUX_PORT": "8000", "DATAFLUX_HOST": "::1"}
    settings = Settings.from_env(environ, port=9000, host=None)
    assert (settings.port, settings.host) == (9000, "::1")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_env({"DATAFLUX_PORT": "", "DATAFLUX_HOME": ""}).home == default_home()


def test_every_bad_variable_is_named_at_once_with_the_mend() -> None:
    environ = {
        "DATAFLUX_PORT": "70000",
        "DATAFLUX_LOG_LEVEL": "loud",
        "DATAFLUX_REQUIRE_SEAL": "perhaps",
        "DATAFLUX_SLOTS": "0",
    }
    with pytest.raises(Invalid) as caught:
        Settings.from_env(environ)
    assert set(caught.value.fields) == set(environ)
    assert "'DEBUG', 'INFO', 'WARNING' or 'ERROR'" in str(caught.value)
    assert "docs/settings.md" in str(caught.value)


def test_a_lease_must_outlast_its_renewal() -> None:
    with pytest.raises(Invalid, match="DATAFLUX_RENEW_S: must be less than the lease of 10 s"):
        Settings.from_env({"DATAFLUX_LEASE_S": "10"})
    assert Settings.from_env({"DATAFLUX_LEASE_S": "10", "DATAFLUX_RENEW_S": "3"}).renew_s == 3.0


def test_folders_are_absolute_and_know_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = Settings.from_env({"DATAFLUX_HOME": "~/media", "DATAFLUX_INBOX": "drop"})
    assert settings.home == Path("/home/somebody/media")
    assert settings.watched == Path.cwd() / "drop"


def test_names_of_analyzers_are_separated_by_commas() -> None:
    assert Settings.from_env({"DATAFLUX_ANALYZERS": "faces, logos,"}).analyzers == (
        "faces",
        "logos",
    )


def test_misspelt_variables_are_found() -> None:
    environ = {"DATAFLUX_PROT": "1", "DATAFLUX_PORT": "1", "DATAFLUX_TOKEN": "x", "PATH": ""}
    assert unknown(environ) == ["DATAFLUX_PROT"]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.from_env({}).port = 1


def test_every_setting_is_documented() -> None:
    text = DOCUMENTED.read_text()
    missing = [name for name in Settings.model_fields if f"`{variable(name)}`" not in text]
    assert missing == []
