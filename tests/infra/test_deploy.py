"""The real `func deploy --image …@sha256:…` makes a service that a real API server accepts."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.knative.generate import ROOT
from tests.fixtures.kubernetes import TOKEN, Cluster
from tests.fixtures.programs import program

pytestmark = pytest.mark.services

IMAGE = f"registry.example.com/dataflux-cpu@sha256:{'5' * 64}"
PATIENCE_S = 120.0
ACCOUNT = "dataflux-worker"
META = {"namespace": "dataflux", "name": "dataflux"}


def serving(kind: str, name: str) -> dict[str, Any]:
    metadata = {"namespace": "dataflux", "name": name}
    return {"apiVersion": "serving.knative.dev/v1", "kind": kind, "metadata": metadata}


def test_func_deploys_a_function_from_an_image(kubernetes: Cluster, tmp_path: Path) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dataflux"}}
    given: list[dict[str, Any]] = [
        space,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": META, "data": {}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": META},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": META | {"name": ACCOUNT}},
    ]
    assert [kubernetes.apply(each) for each in given] == ["", "", "", ""]
    shutil.copytree(ROOT / "functions" / "stitch", tmp_path / "stitch")
    options = ["--image", IMAGE, "--build=false", "--push=false", "-n", "dataflux"]
    deploying = subprocess.Popen(
        [str(program("func")), "deploy", *options],
        cwd=tmp_path / "stitch",
        env={
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "KUBECONFIG": str(_config(kubernetes.url, tmp_path)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        made = _made(kubernetes, deploying)
        assert kubernetes.apply(serving("Route", "stitch")) == ""  # as Knative's controller does
        kubernetes.ready(kubernetes.get(serving("Route", "stitch")))
        kubernetes.ready(made)
        said, _ = deploying.communicate(timeout=PATIENCE_S)
    finally:
        deploying.kill()
    assert deploying.returncode == 0, said
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == ACCOUNT
    assert {"name": "FUNCTION_TARGET", "value": "stitch"} in container["env"]
    assert {"configMapRef": {"name": "dataflux"}} in container["envFrom"]
    assert {"secretRef": {"name": "dataflux"}} in container["envFrom"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/readiness"


def _config(url: str, folder: Path) -> Path:
    """Write what says to `func` where the cluster is."""
    cluster = {"server": url, "insecure-skip-tls-verify": True}
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(told))
    return path


def _made(cluster: Cluster, deploying: "subprocess.Popen[str]") -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while (found := cluster.find(serving("Service", "stitch"))) is None:
        assert deploying.poll() is None, deploying.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
