"""The part of kustomize that our overlays use, for tests that have no kustomize.

tests/infra/test_cluster.py compares its objects with those of the real one.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

KNATIVE = Path(__file__).parents[2] / "infra" / "knative"
OVERLAYS = sorted(p.name for p in (KNATIVE / "overlays").iterdir())
CLUSTER_WIDE = {"Namespace"}
Object = dict[str, Any]
Objects = dict[str, Object]


def build(folder: Path) -> Objects:
    """Return the objects of a folder with a kustomization, by kind and name."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(told) <= {"apiVersion", "kind", "namespace", "resources", "images", "patches"}
    objects: Objects = {}
    for resource in told["resources"]:
        found = _resources(folder / resource)
        assert not found.keys() & objects.keys()
        objects |= found
    for patch in told.get("patches", ()):
        _patch(objects, patch, folder)
    for each in objects.values():
        if "namespace" in told and each["kind"] not in CLUSTER_WIDE:
            each["metadata"]["namespace"] = told["namespace"]
        for container in _containers(each):
            container["image"] = _image(container["image"], told.get("images", ()))
    return objects


def _resources(path: Path) -> Objects:
    if path.is_dir():
        return build(path)
    read = yaml.safe_load_all(path.read_text())
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in read}


def _containers(thing: Object) -> list[Object]:
    pod = thing.get("spec", {}).get("template", {}).get("spec", {})
    return list(pod.get("containers", ()))


def _image(image: str, changes: list[Mapping[str, str]]) -> str:
    for change in changes:
        if image == change["name"]:
            return f"{change['newName']}:{change['newTag']}"
    return image


def _patch(objects: Objects, patch: Mapping[str, Any], folder: Path) -> None:
    text = patch.get("patch") or (folder / patch["path"]).read_text()
    operations = yaml.safe_load(text)
    targets = list(_targets(objects, patch["target"]))
    assert targets, f"{folder.name}: a patch for nothing: {patch['target']}"
    for target in targets:
        for operation in operations:
            _operate(target, operation)


def _targets(objects: Objects, wanted: Mapping[str, str]) -> Iterator[Object]:
    for each in objects.values():
        group = each["apiVersion"].rpartition("/")[0]
        told = {"kind": each["kind"], "name": each["metadata"]["name"], "group": group}
        if all(re.fullmatch(pattern, told[name]) for name, pattern in wanted.items()):
            yield each


def _operate(target: Any, operation: Mapping[str, Any]) -> None:
    """Do one operation of a JSON patch (RFC 6902)."""
    *parents, last = (p.replace("~1", "/") for p in operation["path"].split("/")[1:])
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    if isinstance(target, list):
        assert (operation["op"], last) == ("add", "-")
        target.append(operation["value"])
    else:
        assert operation["op"] == "add" or last in target, f"nothing to replace: {operation}"
        target[last] = copy.deepcopy(operation["value"])
