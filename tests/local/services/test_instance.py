"""The launcher, with a server that Python brings."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from dataflux.errors import Unavailable
from local.services.instance import Instance
from local.services.server import HOST, Place, Server, accepts


class Web(Server):
    """Serves its data folder, and fails to when told."""

    name: ClassVar[str] = "web"
    version: ClassVar[str] = "1"

    def __init__(self) -> None:
        self.installs = 0

    def install(self, built: Path) -> None:
        self.installs += 1

    def command(self, place: Place) -> Sequence[str]:
        port = str(place.ports["client"])
        if (place.data / "broken").exists():
            return [sys.executable, "-c", "raise SystemExit('the disk is on fire')"]
        return [sys.executable, "-m", "http.server", "--bind", HOST, port]

    def answers(self, place: Place) -> bool:
        return accepts(place.ports["client"])

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"WEB_URL": f"http://{HOST}:{ports['client']}"}


def _instance(tmp_path: Path, server: Server | None = None) -> Instance:
    return Instance(server or Web(), tmp_path / "cache", tmp_path / "data")


def test_it_serves_until_it_is_stopped_and_again_at_the_same_port(tmp_path: Path) -> None:
    first = _instance(tmp_path)
    assert first.process is None
    first.start()
    port = first.place.ports["client"]
    assert accepts(port)
    first.stop()
    assert not accepts(port)
    again = _instance(tmp_path)
    again.start()
    assert again.place.ports == first.place.ports
    assert accepts(port)
    again.kill()
    assert again.process is None
    assert not accepts(port)


def test_another_process_finds_it_and_starts_no_second_one(tmp_path: Path) -> None:
    first, other = _instance(tmp_path), _instance(tmp_path)
    first.start()
    try:
        assert first.process is not None
        other.start()
        assert other.process == first.process
    finally:
        other.stop()
    assert first.process is None


def test_it_is_installed_once(tmp_path: Path) -> None:
    web = Web()
    instance = _instance(tmp_path, web)
    for _ in range(2):
        instance.start()
        instance.stop()
    assert web.installs == 1


def test_an_interrupted_installation_is_begun_anew(tmp_path: Path) -> None:
    web = Web()
    instance = _instance(tmp_path, web)
    instance.place.built.mkdir(parents=True)
    (instance.place.built / "half").touch()
    instance.start()
    instance.stop()
    assert web.installs == 1
    assert not (instance.place.built / "half").exists()


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    instance = _instance(tmp_path)
    (instance.place.data / "broken").touch()
    with pytest.raises(Unavailable, match="the disk is on fire"):
        instance.start()
    assert instance.process is None


def test_a_later_process_of_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    instance = _instance(tmp_path)
    (instance.place.data / "process.json").write_text(f"[{os.getpid()}, 1.0]")
    assert instance.process is None
    instance.kill()
