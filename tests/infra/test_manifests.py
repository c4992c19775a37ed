"""What the manifests mean: what an API server cannot know, because it is ours or Knative's."""

import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from analyzers.sandbox.limits import Limits
from dataflux import settings
from dataflux.policy import REDELIVERIES, WORKERS
from dataflux.settings import Settings
from events.topics import DEAD_LETTERS, NOTIFICATIONS, TOPICS
from functions.hosts.http import PING
from functions.targets import BY_NAME, TARGETS, Kind
from infra.knative import generate
from schemas.names import Lane
from tests.infra.kustomize import KNATIVE, OVERLAYS, Object, Objects, build

MOST_S = 600
"""Knative's own bound on a request, unless an administrator raises it."""
FROM_SECRET = {
    "DATAFLUX_RECORDS": "postgresql://db/dataflux",
    "DATAFLUX_KAFKA_CA": "-----BEGIN CERTIFICATE-----",
    "DATAFLUX_KAFKA_PASSWORD": "open sesame",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
FLAGS = {
    "nodeSelector": "kubernetes.podspec-nodeselector",
    "tolerations": "kubernetes.podspec-tolerations",
    "affinity": "kubernetes.podspec-affinity",
    "topologySpreadConstraints": "kubernetes.podspec-topologyspreadconstraints",
    "runtimeClassName": "kubernetes.podspec-runtimeclassname",
    "priorityClassName": "kubernetes.podspec-priorityclassname",
    "schedulerName": "kubernetes.podspec-schedulername",
    "securityContext": "kubernetes.podspec-securitycontext",
    "initContainers": "kubernetes.podspec-init-containers",
    "dnsPolicy": "kubernetes.podspec-dnspolicy",
    "hostAliases": "kubernetes.podspec-hostaliases",
    "persistentVolumeClaim": "kubernetes.podspec-persistent-volume-claim",
}
"""What Knative refuses in a pod until a cluster's administrator says otherwise."""


@cache
def overlay(name: str) -> Objects:
    return build(KNATIVE / "overlays" / name)


def of(name: str, kind: str) -> list[Object]:
    return [o for o in overlay(name).values() if o["kind"] == kind]


def pod(service: Object) -> Object:
    found: Object = service["spec"]["template"]["spec"]
    return found


def scale(service: Object) -> tuple[int, int]:
    told = service["spec"]["template"]["metadata"]["annotations"]
    low, high = (told[f"autoscaling.knative.dev/{end}-scale"] for end in ("min", "max"))
    return int(low), int(high)


def seconds(duration: str) -> float:
    found = re.fullmatch(r"PT([0-9.]+)S", duration)
    assert found, duration
    return float(found[1])


EACH_SERVICE = [
    pytest.param(name, each, id=f"{name}-{each['metadata']['name']}")
    for name in OVERLAYS
    for each in of(name, "Service")
]
EACH_SOURCE = [
    pytest.param(name, each, id=f"{name}-{each['metadata']['name']}")
    for name in OVERLAYS
    for each in of(name, "KafkaSource")
]
EACH_OF_THE_LIVING = [each for each in EACH_SOURCE if not str(each.id).endswith("-bury")]


def test_there_are_overlays() -> None:
    assert OVERLAYS == ["dev", "gpu", "prod", "secured"]
    assert len(EACH_SERVICE) > 50


def test_what_is_generated_is_as_its_table_says() -> None:
    assert generate.stale() == []


def test_a_stale_file_is_found(tmp_path: Path) -> None:
    for name, text in generate.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert generate.stale(tmp_path) == []
    (tmp_path / generate.BASE / "gone.yaml").write_text("")
    (tmp_path / generate.BASE / "api.yaml").write_text("kind: Service")
    assert generate.stale(tmp_path) == [f"{generate.BASE}/{n}.yaml" for n in ("api", "gone")]


def test_every_file_of_the_base_is_in_it() -> None:
    told = yaml.safe_load((KNATIVE / "base/kustomization.yaml").read_text())["resources"]
    base = KNATIVE / "base"
    there = {p.relative_to(base).as_posix() for p in base.rglob("*.yaml")}
    assert set(told) == there - {"kustomization.yaml"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_function_and_lane_is_served(name: str) -> None:
    expected = {"api", "search", "reconcile"}
    for target in TARGETS:
        lanes = {t.rpartition(".")[2] for t in target.topics} & set(Lane)
        if target.kind is not Kind.SWEEPER:
            expected |= {f"{target.name}-{lane}" for lane in lanes} or {target.name}
    assert {s["metadata"]["name"] for s in of(name, "Service")} == expected
    assert [d["metadata"]["name"] for d in of(name, "Deployment")] == ["relay"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_topic_that_a_function_takes_comes_from_one_source(name: str) -> None:
    fed = [
        (source["metadata"]["labels"]["app.kubernetes.io/component"], topic)
        for source in of(name, "KafkaSource")
        for topic in source["spec"]["topics"]
    ]
    wanted = [(t.name, topic) for t in TARGETS for topic in t.topics]
    assert sorted(fed) == sorted([*wanted, ("notify", NOTIFICATIONS), ("bury", DEAD_LETTERS)])


@pytest.mark.parametrize(("name", "source"), EACH_SOURCE)
def test_topics_are_declared_and_have_a_partition_for_each_worker(
    name: str, source: Object
) -> None:
    told = source["spec"]
    service = overlay(name)[f"Service/{source['metadata']['name']}"]
    for topic in told["topics"]:
        assert TOPICS[topic].partitions >= told["consumers"] > 0
        lane = topic.rpartition(".")[2]
        if lane in set(Lane):
            assert told["consumers"] == WORKERS[Lane(lane)]
    assert told["consumers"] * 10 >= scale(service)[1] * pod(service)["containerConcurrency"]
    assert told["consumerGroup"] in BY_NAME
    assert told["initialOffset"] == "earliest"
    assert told["ordering"] == "ordered"


@pytest.mark.parametrize(("name", "source"), EACH_OF_THE_LIVING)
def test_the_delivery_block_is_whole(name: str, source: Object) -> None:
    """Leave out one field, and Knative's default for all is gone: no retry, or no dead letter."""
    delivery = source["spec"]["delivery"]
    wanted = {"retry", "backoffPolicy", "backoffDelay", "timeout", "deadLetterSink"}
    assert set(delivery) == wanted
    assert delivery["backoffPolicy"] == "exponential"
    assert delivery["retry"] == REDELIVERIES, "what a letter says of its attempts"
    waits = [seconds(delivery["backoffDelay"]) * 2.0**n for n in range(1, delivery["retry"] + 1)]
    assert sum(waits) >= 900, "an outage of a quarter of an hour must end in no dead letter"
    for ref in (delivery["deadLetterSink"]["ref"], source["spec"]["sink"]["ref"]):
        assert f"{ref['kind']}/{ref['name']}" in overlay(name)
        assert overlay(name)[f"{ref['kind']}/{ref['name']}"]["apiVersion"] == ref["apiVersion"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_dead_do_not_come_round_again(name: str) -> None:
    """What cannot be buried is tried for days: it has no dead letters of its own to go to."""
    (source,) = [s for s in of(name, "KafkaSource") if DEAD_LETTERS in s["spec"]["topics"]]
    delivery = source["spec"]["delivery"]
    assert set(delivery) == {"retry", "backoffPolicy", "backoffDelay", "timeout"}
    assert delivery["backoffPolicy"] == "linear"
    waits = [seconds(delivery["backoffDelay"]) * n for n in range(1, delivery["retry"] + 1)]
    assert max(waits) < 1200, "once the records are back, it goes on soon"
    assert 5 / 7 < sum(waits) / TOPICS[DEAD_LETTERS].retention_s < 1


@pytest.mark.parametrize(("name", "source"), EACH_SOURCE)
def test_what_is_inside_ends_before_what_is_outside(name: str, source: Object) -> None:
    service = overlay(name)[f"Service/{source['metadata']['name']}"]
    request = pod(service)["timeoutSeconds"]
    assert request < seconds(source["spec"]["delivery"]["timeout"]) <= MOST_S
    if BY_NAME[source["spec"]["consumerGroup"]].heavy:
        assert Limits().wall_s < request
    assert Settings().renew_s < Settings().lease_s < MOST_S


@pytest.mark.parametrize(("name", "service"), EACH_SERVICE)
def test_a_pod_may_do_little(name: str, service: Object) -> None:
    (container,) = pod(service)["containers"]
    told = container["securityContext"]
    assert told["runAsNonRoot"]
    assert told["readOnlyRootFilesystem"]
    assert not told["allowPrivilegeEscalation"]
    assert told["capabilities"] == {"drop": ["ALL"]}
    assert f"ServiceAccount/{pod(service)['serviceAccountName']}" in overlay(name)
    assert container["resources"]["limits"]["memory"]
    assert container["readinessProbe"] == {"httpGet": {"path": "/health/readiness"}}
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/liveness"
    writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
    assert writable == {"/tmp"}


@pytest.mark.parametrize(("name", "service"), EACH_SERVICE)
def test_functions_scale_to_nothing_but_people_and_gpus_do_not_wait(
    name: str, service: Object
) -> None:
    function = service["metadata"]["labels"]["app.kubernetes.io/component"]
    low, high = scale(service)
    assert 0 <= low <= high
    if name == "gpu" and function == "embed":
        assert low == high > 0
    elif function in {"api", "search"}:
        assert low >= 1
    else:
        assert low == 0
    inside = service["metadata"]["labels"].get("networking.knative.dev/visibility")
    assert (inside == "cluster-local") == (function in BY_NAME)


def test_gpu_pools_are_pinned_to_gpus_and_wait_for_their_models() -> None:
    pools = [s for s in of("gpu", "Service") if s["metadata"]["name"].startswith("embed-")]
    assert len(pools) == len(Lane)
    for service in pools:
        (container,) = pod(service)["containers"]
        env = {e["name"]: e["value"] for e in container["env"]}
        assert container["image"].partition(":")[0].endswith("/dataflux-gpu")
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert "nvidia.com/gpu.present" in pod(service)["nodeSelector"]
        assert pod(service)["tolerations"][0]["key"] == "nvidia.com/gpu"
        assert int(env["DATAFLUX_SLOTS"]) == pod(service)["containerConcurrency"]
        annotations = service["spec"]["template"]["metadata"]["annotations"]
        assert annotations["autoscaling.knative.dev/target-burst-capacity"] == "0"
    assert BY_NAME["embed"].warm, "ready means: the models are loaded"
    others = [s for s in of("gpu", "Service") if s not in pools]
    assert not [s for s in others if "nvidia.com" in yaml.safe_dump(s)]


def needed_flags(name: str) -> set[str]:
    found = set()
    for service in of(name, "Service"):
        volumes = {key for volume in pod(service).get("volumes", ()) for key in volume}
        found |= {FLAGS[key] for key in {*pod(service), *volumes} if key in FLAGS}
    return found


def test_flags_that_are_needed_are_enabled_and_no_other() -> None:
    (features,) = build(KNATIVE / "cluster").values()
    assert features["metadata"] == {
        "name": "config-features",
        "namespace": "knative-serving",
        "labels": {"app.kubernetes.io/name": "knative-serving"},
    }
    assert set(features["data"].values()) == {"enabled"}
    assert set(features["data"]) == needed_flags("gpu")
    assert needed_flags("dev") == needed_flags("prod") == set()


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_is_given_up_goes_to_a_declared_topic(name: str) -> None:
    (sink,) = of(name, "KafkaSink")
    assert sink["spec"]["topic"] == DEAD_LETTERS
    assert DEAD_LETTERS in TOPICS
    assert sink["spec"]["contentMode"] == "binary"


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_talk_to_the_same_brokers(name: str) -> None:
    (config,) = of(name, "ConfigMap")
    brokers = config["data"]["DATAFLUX_BUS"].removeprefix("kafka://").split(",")
    for kind in ("KafkaSource", "KafkaSink"):
        assert {tuple(o["spec"]["bootstrapServers"]) for o in of(name, kind)} == {tuple(brokers)}


def test_where_kafka_wants_a_password_everybody_has_it() -> None:
    names = {"secretKeyRef": {"name": "dataflux-kafka"}}
    keys = {"caCert": "ca.crt", "type": "sasl.mechanism", "user": "user", "password": "password"}
    for source in of("secured", "KafkaSource"):
        net = source["spec"]["net"]
        assert net["tls"].pop("enable") is net["sasl"].pop("enable") is True
        told = net["tls"] | net["sasl"]
        assert {name: ref["secretKeyRef"].pop("key") for name, ref in told.items()} == keys
        assert all(ref == names for ref in told.values())
    (sink,) = of("secured", "KafkaSink")
    assert sink["spec"]["auth"] == {"secret": {"ref": names["secretKeyRef"]}}
    assert not [each for each in of("prod", "KafkaSource") if "net" in each["spec"]]


@pytest.mark.parametrize("name", OVERLAYS)
def test_settings_exist_and_secrets_are_not_among_them(name: str) -> None:
    (config,) = of(name, "ConfigMap")
    given = dict(config["data"])
    for service in of(name, "Service"):
        (container,) = pod(service)["containers"]
        given |= {e["name"]: e["value"] for e in container["env"] if e["name"] != "FUNCTION_TARGET"}
        assert {tuple(source) for source in container["envFrom"]} == {
            ("configMapRef",),
            ("secretRef",),
        }
    assert settings.unknown(given) == []
    assert not FROM_SECRET.keys() & given.keys()
    secured = "DATAFLUX_KAFKA_TLS" in given
    Settings.from_env(given | {n: v for n, v in FROM_SECRET.items() if secured or "KAFKA" not in n})
    assert not of(name, "Secret")


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_timer_ticks_what_sweeps(name: str) -> None:
    (timer,) = of(name, "PingSource")
    sink = timer["spec"]["sink"]["ref"]["name"]
    assert BY_NAME[sink].kind is Kind.SWEEPER
    assert timer["spec"]["data"] == f'{{"timer": "{sink}"}}'
    assert PING == "dev.knative.sources.ping"
    (relay,) = of(name, "Deployment")
    (container,) = pod(relay)["containers"]
    assert container["command"][:4] == ["python", "-m", "functions.hosts.timer", "relay"]
    assert relay["spec"]["replicas"] >= 1


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_leaves_that_is_not_named(name: str) -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of(name, "NetworkPolicy")}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for spec in policies.values():
        for way, rule in product(("ingress", "egress"), (0, 1, 2)):
            for named in spec.get(way, [])[rule : rule + 1]:
                assert named["to" if way == "egress" else "from"], "an empty rule allows all"
                assert named["ports"]
    world = re.findall(r"cidr: (\S+)", yaml.safe_dump(policies))
    assert "0.0.0.0/0" not in world


@pytest.mark.parametrize("name", OVERLAYS)
def test_images_are_named_with_a_version(name: str) -> None:
    for kind in ("Service", "Deployment"):
        for each in of(name, kind):
            (container,) = pod(each)["containers"]
            image, _, tag = container["image"].rpartition(":")
            assert "/dataflux-" in image
            assert tag not in {"", "latest"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_is_in_one_namespace_that_is_restricted(name: str) -> None:
    (space,) = of(name, "Namespace")
    spaces: set[Any] = {o["metadata"].get("namespace") for o in overlay(name).values()} - {None}
    assert spaces == {space["metadata"]["name"]}
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
