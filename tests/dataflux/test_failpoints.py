import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflux import failpoints
from dataflux.errors import Invalid, Unavailable
from dataflux.failpoints import PLACES, arm, failpoint
from dataflux.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def test_nothing_happens_unless_armed() -> None:
    for place in PLACES:
        failpoint(place)


def test_a_place_fails_from_one_passing_to_another() -> None:
    arm("step.ran:fail@2-3")
    outcomes = []
    for _ in range(4):
        try:
            failpoint("step.ran")
            failpoint("step.claimed")
            outcomes.append("passed")
        except Unavailable:
            outcomes.append("failed")
    assert outcomes == ["passed", "failed", "failed", "passed"]


def test_arming_again_forgets_what_was_armed() -> None:
    arm("step.ran:fail")
    arm("step.claimed:fail@2")
    failpoint("step.ran")
    failpoint("step.claimed")
    with pytest.raises(Unavailable, match=r"step\.claimed"):
        failpoint("step.claimed")


@pytest.mark.parametrize(
    "text", ["step.ran", "step.ran:explode", "step.ran:kill@x", "nowhere:kill", "step.ran:kill@"]
)
def test_what_cannot_be_armed_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text.partition(":")[0])):
        failpoints.parse(text)
    with pytest.raises(Invalid, match="DATAFLUX_FAILPOINTS"):
        Settings.from_env({"DATAFLUX_FAILPOINTS": text})


def test_they_are_refused_where_others_are_served() -> None:
    armed = {"DATAFLUX_FAILPOINTS": "step.ran:kill@3, relay.taken:stop"}
    assert Settings.from_env(armed).failpoints
    with pytest.raises(Invalid, match="others are served"):
        Settings.from_env({**armed, "DATAFLUX_HOST": "0.0.0.0"})


def test_a_kill_leaves_no_time_for_anything() -> None:
    program = (
        "from dataflux.failpoints import arm, failpoint\n"
        "arm('step.ran:kill')\n"
        "try:\n    failpoint('step.ran')\nfinally:\n    print('alive')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT)
    assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, b"")


def test_every_place_is_in_the_code_and_in_the_guide() -> None:
    found = [
        place
        for package in ("events", "stores", "functions", "local")
        for path in (ROOT / package).rglob("*.py")
        for place in re.findall(r'failpoint\("([a-z.]+)"\)', path.read_text())
    ]
    assert sorted(found) == sorted(PLACES)
    guide = (ROOT / "docs/faults.md").read_text()
    for place, meaning in PLACES.items():
        assert f"| `{place}` | {meaning} |" in guide
