"""The ways an emulator can be run, other than as usual."""

import pytest

from dataflux.errors import Invalid
from dataflux.settings import Settings
from local import modes
from local.modes import PATIENT_S, USUAL


def mode(**asked: object) -> modes.Mode:
    given = {"chaos": None, "reload": False, "debug": None, "debug_port": 0, **asked}
    return modes.parse(**given)  # type: ignore[arg-type] # a test may ask for anything


def test_nothing_asked_is_nothing_changed() -> None:
    settings = Settings()
    assert mode(debug_port=5678) == USUAL
    assert USUAL.applied(settings) is settings
    assert USUAL.told() == {}


def test_under_a_debugger_nothing_runs_out_of_time() -> None:
    patient = mode(debug="analyze").applied(Settings(lease_s=2, renew_s=1))
    assert (patient.lease_s, patient.decode_s) == (PATIENT_S, PATIENT_S)
    Settings.model_validate(patient.model_dump())  # as if somebody had set them


def test_without_debugpy_the_terminal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "find_spec", lambda name: None)
    said = mode(debug="analyze").told()["debug"]
    assert said.startswith("analyze: breakpoint() stops in this terminal")
    assert "pip install debugpy" in said


@pytest.mark.parametrize("name", ["nowhere", "relay"])
def test_only_what_takes_events_can_be_debugged(name: str) -> None:
    with pytest.raises(Invalid, match="use one of ingest, segment"):
        mode(debug=name)


def test_chaos_draws_a_seed_and_prints_it() -> None:
    first = mode(chaos="reorder")
    assert first.told()["chaos"].startswith("reorder,seed=")
    assert mode(chaos=first.told()["chaos"]).chaos == first.chaos


@pytest.mark.parametrize("asked", [{"reload": True}, {"debug": "analyze"}])
def test_what_needs_one_process_names_the_mend(asked: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="functions in one process; drop --isolated"):
        mode(isolated=True, **asked)


def test_what_needs_processes_names_the_mend() -> None:
    with pytest.raises(Invalid, match="add --isolated"):
        mode(idle_s=10)
    said = mode(idle_s=10, isolated=True).told()["scale"]
    assert said == "a function is stopped after 10 s without work"


def test_chaos_comes_to_processes_too() -> None:
    both = mode(isolated=True, chaos="duplicate=0.5")
    assert both.isolated
    assert both.chaos is not None


def test_reload_and_debug_and_chaos_go_together() -> None:
    all_of_them = mode(chaos="reorder", reload=True, debug="analyze")
    assert (all_of_them.reload, all_of_them.debug) == (True, "analyze")
