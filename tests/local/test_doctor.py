"""What a machine can do, and the mend for what it cannot."""

import sys
from collections import namedtuple
from pathlib import Path

import pytest

from dataflux.settings import Settings
from local import cli, doctor
from tests.fixtures.secured_kafka import Secured

Usage = namedtuple("Usage", "total used free")


def test_this_machine_is_examined_as_a_whole(tmp_path: Path) -> None:
    found = doctor.examine(tmp_path)
    by_name = {check["name"]: check for check in found["checks"]}
    for name in ("python", "ffmpeg", "onnxruntime", "postgres", "sandbox: seccomp", "analyzers"):
        assert by_name[name]["state"] in ("good", "bad", "limited")
    assert "image@" in by_name["analyzers"]["found"]
    assert by_name["models"]["state"] == "limited"
    assert "dataflux models pull" in by_name["models"]["mend"]
    assert by_name["disk"]["found"].endswith(f"in {tmp_path}")
    assert by_name["emulator"]["found"] == f"none runs in {tmp_path}"


def test_a_refused_filter_is_bad_and_a_refused_layer_is_a_limit() -> None:
    level = {"landlock": "refused: no Landlock", "seccomp": "refused: EINVAL", "rlimits": "set"}
    states = {check["name"]: check["state"] for check in doctor.layers(level)}
    assert states == {
        "sandbox: landlock": "limited",
        "sandbox: seccomp": "bad",
        "sandbox: rlimits": "good",
    }


def test_an_analyzer_that_lacks_its_model_is_named() -> None:
    checks = list(doctor.models(["ocr@1", "image@1"], {"ocr@1": "ModuleNotFoundError: rapidocr"}))
    assert (checks[0]["name"], checks[0]["state"]) == ("ocr@1", "bad")
    assert checks[0]["mend"]
    assert checks[1]["found"] == "image@1"


def test_a_model_that_is_wanted_and_not_here_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAFLUX_TEXT_MODEL", "minilm")
    settings = Settings.from_env(home=tmp_path)
    (check,) = doctor.sandbox(settings)
    assert (check["name"], check["state"]) == ("models", "bad")
    assert "dataflux models pull minilm" in check["mend"]


def test_a_misspelt_setting_gets_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLUX_PROT", "80")
    (check,) = [c for c in doctor.variables() if c["name"] == "DATAFLUX_PROT"]
    assert check["mend"] == "did you mean DATAFLUX_PORT?"


def test_two_onnxruntimes_are_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version_of", lambda name: "1.0")
    (check,) = doctor.runtimes()
    assert check["state"] == "bad"
    assert "pip uninstall" in check["mend"]


def test_a_full_disk_is_bad_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage(1, 1, 1))
    checks = doctor.disk(tmp_path)
    assert checks[0]["state"] == "bad"
    found = {"version": "1", "checks": checks}
    monkeypatch.setattr(doctor, "examine", lambda home: found)
    monkeypatch.setattr(sys, "argv", ["dataflux", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "free some space" in capsys.readouterr().out


def test_a_kafka_that_does_not_answer_is_named() -> None:
    (check,) = doctor.kafka(Settings(bus="kafka://127.0.0.1:1/media"))
    assert check["state"] == "bad"
    assert "127.0.0.1:1" in check["found"]
    assert check["mend"]
    assert not list(doctor.kafka(Settings()))


@pytest.mark.services
def test_it_says_how_a_kafka_is_talked_to(secured: Secured) -> None:
    (good,) = doctor.kafka(secured.with_password())
    assert good["state"] == "good"
    assert good["found"].endswith("lets us in: SASL_SSL, its own CA, SCRAM-SHA-256 as dataflux")
    (bad,) = doctor.kafka(secured.with_password(kafka_password="wrong"))
    assert bad["state"] == "bad"
    assert "DATAFLUX_KAFKA_PASSWORD" in bad["mend"]
