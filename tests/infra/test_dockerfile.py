"""The images: what is copied is there, what is installed exists, and nobody is root."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest

from infra.knative import generate
from tests.infra.kustomize import KNATIVE

ROOT = KNATIVE.parents[1]
DOCKERFILE = KNATIVE / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
NOT_LOCKED = {"onnxruntime-gpu"}
"""It cannot be installed beside onnxruntime, which the lock has."""
TARGETS = ("api", "cpu", "gpu")


@dataclass
class Stage:
    """A stage of the build: what it starts from, and its instructions."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [rest for instruction, rest in self.steps if instruction == name]


def parsed() -> dict[str, Stage]:
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    stages: dict[str, Stage] = {}
    for line in lines:
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, name = rest.split(" AS ")
            stages[name] = Stage(base)
        else:
            list(stages.values())[-1].steps.append((instruction, rest))
    return stages


STAGES = parsed()


def line_of(name: str) -> list[Stage]:
    """A stage with those it is made from, first the first."""
    stage = STAGES[name]
    return [*(line_of(stage.base) if stage.base in STAGES else []), stage]


def test_only_known_instructions_are_used() -> None:
    used = {name for stage in STAGES.values() for name, _ in stage.steps}
    assert used <= {"RUN", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "CMD"}


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_copied_is_there(stage: str) -> None:
    ignored = (KNATIVE / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    for copied in STAGES[stage].all("COPY"):
        *sources, place = copied.split()
        if sources[0].startswith("--from="):
            assert sources.pop(0).removeprefix("--from=") in STAGES
            assert sources == [place] == ["/opt/dataflux"]
        else:
            assert all((ROOT / source).exists() for source in sources)
            assert set(sources) <= sent


def test_every_package_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    copied = {source for c in STAGES["build"].all("COPY") for source in c.split()[:-1]}
    assert set(wheel["targets"]["wheel"]["packages"]) <= copied
    assert {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"} <= copied


def extras(target: str) -> set[str]:
    (copied,) = STAGES[target].all("COPY")
    built = copied.split()[0].removeprefix("--from=")
    (install,) = STAGES[built].all("RUN")
    found = re.search(r'"\.\[(.+)]"', install)
    assert found
    assert "--constraint requirements.lock" in install
    return set(found[1].split(","))


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_installed_is_declared_and_locked(target: str) -> None:
    optional = PROJECT["optional-dependencies"]
    assert extras(target) <= set(optional)
    wanted = [r for name in extras(target) for r in optional[name]] + PROJECT["dependencies"]
    names = {re.split(r"[\[<>=; ]", each)[0] for each in wanted} - NOT_LOCKED
    locked = set(re.findall(r"^([a-z0-9._-]+)==", LOCK, re.MULTILINE))
    assert names <= locked


def test_weights_differ_where_they_should() -> None:
    assert extras("api") < extras("cpu")
    assert "gpu" in extras("gpu")
    assert not extras("gpu") & {"cpu", "speech"}, "they bring the other onnxruntime"
    assert all({"kafka", "s3"} <= extras(target) for target in TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_root_and_bases_have_versions(target: str) -> None:
    line = line_of(target)
    users = [user for stage in line for user in stage.all("USER")]
    assert users
    assert all(re.fullmatch(r"[1-9]\d+:[1-9]\d+", user) for user in users)
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", line[0].base)
    assert f"python:{PROJECT['requires-python'].removeprefix('>=')}-" in line[0].base


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_starts_any_function(target: str) -> None:
    (command,) = [c for stage in line_of(target) for c in stage.all("CMD")]
    shell, flag, text = json.loads(command)
    assert (shell, flag) == ("sh", "-c")
    assert text.startswith("exec uvicorn functions.${FUNCTION_TARGET:-api}.main:app ")
    assert "--port ${PORT:-8080}" in text
    for name in generate.TABLE:
        assert import_module(f"functions.{name}.main").app is not None


def test_every_image_of_the_table_is_a_target() -> None:
    named = {row.image for row in (generate.TABLE | generate.ALWAYS_ON).values()}
    assert {name.removeprefix("dataflux-") for name in named} | {"gpu"} == set(TARGETS)


def test_nothing_secret_is_sent_to_the_builder() -> None:
    lines = (KNATIVE / "Dockerfile.dockerignore").read_text().splitlines()
    ignored = [line for line in lines if not line.startswith("#")]
    assert ignored[0] == "*"
    assert not [line for line in ignored if fnmatch(line, "!*.env") or line.startswith("!.")]
    assert all(Path(ROOT, line[1:]).exists() for line in ignored if line.startswith("!"))
