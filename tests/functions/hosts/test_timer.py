"""The timer: it ticks at once and again, and outlives what fails."""

import threading
from typing import Any, cast

import pytest

from dataflux.errors import Unavailable
from functions.deps import Deps
from functions.hosts.adapters import Adapters
from functions.hosts.timer import keep_ticking, main
from functions.targets import BY_NAME
from tests.fixtures.platform import Platform


class Flaky(Adapters):
    """Adapters that can be had from the second time on."""

    def __init__(self, deps: Deps) -> None:
        super().__init__()
        self.deps, self.asked = deps, 0

    def __call__(self) -> Deps:
        self.asked += 1
        if self.asked == 1:
            raise Unavailable("postgres: is down; try again")
        return self.deps


def test_it_ticks_again_after_a_failure(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, ticks = threading.Event(), list[Any]()

    def handle(event: Any, deps: Deps) -> None:
        ticks.append(event.data["timer"])
        if len(ticks) == 1:
            raise RuntimeError("a bug")
        if len(ticks) == 3:
            ending.set()

    monkeypatch.setattr("functions.relay.handler.handle", handle)
    adapters = Flaky(platform.deps)
    keep_ticking(BY_NAME["relay"], adapters, 0.001, ending)
    assert ticks == ["relay"] * 3
    assert adapters.asked == 4


def test_only_sweepers_are_ticked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["segment"])
    assert cast(int, exit_.value.code) == 2
    assert "relay" in capsys.readouterr().err
