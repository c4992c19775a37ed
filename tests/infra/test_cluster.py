"""A real Kubernetes API server, which knows Knative's types, takes every manifest, strictly."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.kubernetes import Cluster, rendered
from tests.infra.kustomize import KNATIVE, OVERLAYS, build

pytestmark = pytest.mark.services


@pytest.mark.parametrize("overlay", [*OVERLAYS, "cluster"])
def test_every_object_is_accepted(kubernetes: Cluster, overlay: str) -> None:
    objects = rendered(_folder(overlay))
    for name in sorted({o["metadata"].get("namespace", "") for o in objects} - {""}):
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert kubernetes.apply(space) == ""
    refused = {_name(each): why for each in objects if (why := kubernetes.apply(each))}
    assert refused == {}
    for each in objects:
        assert kubernetes.get(each)["metadata"]["name"] == each["metadata"]["name"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Service", "spec.template.spec.containers.0.readinessProb"),
        ("Service", "spec.template.spec.timeoutSecond"),
        ("KafkaSource", "spec.bootstrapServer"),
        ("KafkaSource", "spec.delivery.backofDelay"),
        ("KafkaSink", "spec.contentMod"),
        ("PingSource", "spec.schedul"),
        ("NetworkPolicy", "spec.egres"),
        ("Deployment", "spec.template.spec.container"),
    ],
)
def test_a_misspelt_field_is_refused(kubernetes: Cluster, kind: str, path: str) -> None:
    objects = rendered(_folder("prod"))
    assert kubernetes.apply(objects[0]) == ""
    (planted, *_) = [copy.deepcopy(o) for o in objects if o["kind"] == kind]
    _plant(planted, path.split("."))
    assert path.rpartition(".")[2] in kubernetes.apply(planted)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_other_tests_see_what_kustomize_makes(overlay: str) -> None:
    """They need no Go, so they apply the patches themselves."""
    assert build(_folder(overlay)) == {_name(o): o for o in rendered(_folder(overlay))}


def _folder(overlay: str) -> Path:
    return KNATIVE / ("cluster" if overlay == "cluster" else f"overlays/{overlay}")


def _name(thing: dict[str, Any]) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def _plant(thing: Any, path: list[str]) -> None:
    *parents, last = path
    for part in parents:
        thing = thing[int(part)] if part.isdigit() else thing[part]
    thing[last] = "planted"
