"""Where the kernel grants no seal, decoding is only bounded, or refused if a seal is demanded."""

import json
import subprocess
import sys


def test_without_a_seal_it_says_so_or_decodes_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.analyzers.sandbox.unsealed"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    bounded, demanded = json.loads(run.stdout)
    assert bounded["found"] == 1
    refused = {layer for layer, got in bounded["level"].items() if "refused" in got}
    assert refused == {"namespaces", "landlock", "seccomp"}
    assert demanded["reason"] == "sandbox_unavailable"
