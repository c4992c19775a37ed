"""Write what repeats for each function and lane: `python -m infra.knative.generate [--check]`.

From the one table below come base/functions/*.yaml (the services and their Kafka sources) and every
function's func.yaml. Lanes, workers and topics are those that the code declares.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from dataflux.policy import REDELIVERIES, WORKERS
from events.topics import DEAD_LETTERS, NOTIFICATIONS, TOPICS
from functions.hosts.local import by_lane, lane_of
from functions.targets import BY_NAME, Kind
from schemas.names import Lane

ROOT = Path(__file__).parents[2]
BASE = "infra/knative/base/functions"
PORT = 8080
CREATED = "2026-11-24T00:00:00Z"
NOTE = "# Written by `python -m infra.knative.generate` from its table; change that.\n"
Object = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One function: its image, what a process of it takes and gets, and how many there may be.

    `scale` bounds one that has no lanes; a lane has as many processes as it has workers.
    """

    image: str
    account: str = "dataflux-worker"
    scale: tuple[int, int] = (0, 6)
    at_once: int = 1
    """Requests that a process takes at a time."""
    timeout_s: int = 60
    """How long a request may take; a delivery waits a little longer."""
    cpu: str = "100m"
    memory: str = "256Mi"
    limit: str = "1Gi"
    scratch: str = "256Mi"
    """Of /tmp, in which alone can be written."""


LIGHT = Row("dataflux-cpu", memory="512Mi", limit="2Gi")
DECODES = Row("dataflux-cpu", timeout_s=540, cpu="1", memory="1Gi", limit="4Gi", scratch="2Gi")
ASKED = Row(
    "dataflux-api",
    account="dataflux-api",
    scale=(1, 10),
    at_once=50,
    timeout_s=300,
    cpu="250m",
    memory="512Mi",
    limit="2Gi",
    scratch="1Gi",
)
TABLE: dict[str, Row] = {
    "notify": LIGHT,
    "bury": replace(LIGHT, scale=(0, 2)),
    "ingest": DECODES,
    "segment": DECODES,
    "stitch": LIGHT,
    "analyze": DECODES,
    "embed": DECODES,
    "project": LIGHT,
    "relate": LIGHT,
    "reconcile": replace(LIGHT, account="dataflux-sweeper", scale=(0, 1), timeout_s=300),
    "api": ASKED,
    "search": ASKED,
}
ALWAYS_ON = {"relay": Row("dataflux-api", account="dataflux-sweeper", scale=(1, 1))}
"""A Deployment (base/relay.yaml), not a service that is called; by `func deploy`, it is one."""
RETRIES = {"retry": REDELIVERIES, "backoffPolicy": "exponential", "backoffDelay": "PT0.5S"}
"""Half a second, doubled ten times: an outage of 17 minutes loses nothing to the dead letters."""
LAST_RETRIES = {"retry": 1000, "backoffPolicy": "linear", "backoffDelay": "PT1S"}
"""A second more each time, for 5.8 days: behind the dead letters there is nothing but the seven
days that their topic keeps them."""
DELIVERY_MARGIN_S = 30


def files() -> dict[str, str]:
    """Return every generated file: its path from the root, and its text."""
    made = {f"{BASE}/{name}.yaml": _dump(*_objects(name, row)) for name, row in TABLE.items()}
    described = (TABLE | ALWAYS_ON).items()
    return made | {f"functions/{n}/func.yaml": _dump(_func(n, row)) for n, row in described}


def _dump(*objects: Object) -> str:
    return NOTE + yaml.safe_dump_all(objects, sort_keys=False, width=100)


def _objects(name: str, row: Row) -> Iterator[Object]:
    topics = topics_of(name)
    if not topics:
        yield _service(name, name, row, row.scale)
    for group in by_lane(topics):
        lane = lane_of(group[0])
        full = f"{name}-{lane}" if lane else name
        yield _service(full, name, row, _scale(row, lane), lane)
        yield _source(full, name, row, group, lane)


def topics_of(name: str) -> tuple[str, ...]:
    """Return what a function is fed from; some take what is no event of ours."""
    target = BY_NAME.get(name)
    if target is None:
        return ()
    others = {Kind.RAW: (NOTIFICATIONS,), Kind.DEAD: (DEAD_LETTERS,)}
    return others.get(target.kind, target.topics)


def takes_events(name: str) -> bool:
    """Say whether a function takes CloudEvents; the others take requests as they come."""
    return name in BY_NAME and BY_NAME[name].kind is not Kind.RAW


def _scale(row: Row, lane: Lane | None) -> tuple[int, int]:
    return (0, WORKERS[lane]) if lane else row.scale


def _labels(name: str, lane: Lane | None) -> Object:
    common = {"app.kubernetes.io/part-of": "dataflux", "app.kubernetes.io/component": name}
    return common | ({"dataflux/lane": str(lane)} if lane else {})


def _service(
    full: str, name: str, row: Row, scale: tuple[int, int], lane: Lane | None = None
) -> Object:
    inside = {"networking.knative.dev/visibility": "cluster-local"} if name in BY_NAME else {}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": full, "labels": _labels(name, lane) | inside},
        "spec": {
            "template": {
                "metadata": {
                    "labels": _labels(name, lane),
                    "annotations": {
                        "autoscaling.knative.dev/min-scale": str(scale[0]),
                        "autoscaling.knative.dev/max-scale": str(scale[1]),
                    },
                },
                "spec": _pod(name, row),
            }
        },
    }


def _pod(name: str, row: Row) -> Object:
    return {
        "serviceAccountName": row.account,
        "containerConcurrency": row.at_once,
        "timeoutSeconds": row.timeout_s,
        "containers": [
            {
                "name": "function",
                "image": row.image,
                "ports": [{"containerPort": PORT}],
                "env": [{"name": "FUNCTION_TARGET", "value": name}],
                "envFrom": [
                    {"configMapRef": {"name": "dataflux"}},
                    {"secretRef": {"name": "dataflux"}},
                ],
                "resources": {
                    "requests": {"cpu": row.cpu, "memory": row.memory},
                    "limits": {"memory": row.limit},
                },
                "readinessProbe": {"httpGet": {"path": "/health/readiness"}},
                "livenessProbe": {"httpGet": {"path": "/health/liveness"}, "timeoutSeconds": 5},
                "securityContext": {
                    "runAsNonRoot": True,
                    "readOnlyRootFilesystem": True,
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": row.scratch}}],
    }


def _source(full: str, name: str, row: Row, topics: list[str], lane: Lane | None) -> Object:
    """Return a KafkaSource; its group is the one that every host of the function uses."""
    consumers = (
        WORKERS[lane] if lane else min(row.scale[1], *(TOPICS[t].partitions for t in topics))
    )
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "KafkaSource",
        "metadata": {"name": full, "labels": _labels(name, lane)},
        "spec": {
            "bootstrapServers": ["kafka:9092"],
            "topics": topics,
            "consumerGroup": name,
            "consumers": consumers,
            "initialOffset": "earliest",
            "ordering": "ordered",
            "delivery": _delivery(name, row),
            "sink": _ref("serving.knative.dev/v1", "Service", full),
        },
    }


def _delivery(name: str, row: Row) -> Object:
    """Return how often is tried; what cannot even be buried must not come round again."""
    timeout = {"timeout": f"PT{row.timeout_s + DELIVERY_MARGIN_S}S"}
    if BY_NAME[name].kind is Kind.DEAD:
        return LAST_RETRIES | timeout
    sink = _ref("eventing.knative.dev/v1alpha1", "KafkaSink", "dead-letters")
    return RETRIES | timeout | {"deadLetterSink": sink}


def _ref(version: str, kind: str, name: str) -> Object:
    return {"ref": {"apiVersion": version, "kind": kind, "name": name}}


def _func(name: str, row: Row) -> Object:
    """Return func.yaml: one service for all lanes of a function, deployed by `func deploy`."""
    topics = topics_of(name)
    scales = [_scale(row, lane_of(group[0])) for group in by_lane(topics)] or [row.scale]
    return {
        "specVersion": "0.36.0",
        "name": name,
        "runtime": "python",
        "created": CREATED,
        "invoke": "cloudevent" if takes_events(name) else "http",
        "run": {
            "volumes": [{"emptyDir": {"sizeLimit": row.scratch}, "path": "/tmp"}],
            "envs": [
                {"name": "FUNCTION_TARGET", "value": name},
                {"value": "{{ configMap:dataflux }}"},
                {"value": "{{ secret:dataflux }}"},
            ],
        },
        "deploy": {
            "namespace": "dataflux",
            "serviceAccountName": row.account,
            "healthEndpoints": {"liveness": "/health/liveness", "readiness": "/health/readiness"},
            "options": {
                "scale": {"min": min(s[0] for s in scales), "max": sum(s[1] for s in scales)},
                "resources": {
                    "requests": {"cpu": row.cpu, "memory": row.memory},
                    "limits": {"memory": row.limit, "concurrency": row.at_once},
                },
            },
        },
    }


def stale(root: Path = ROOT) -> list[str]:
    """Return the files that are missing, differ, or should not be there."""
    wanted = files()
    there = {p.relative_to(root).as_posix() for p in (root / BASE).glob("*.yaml")}
    differ = {n for n, text in wanted.items() if _read(root / n) != text}
    return sorted(differ | (there - set(wanted)))


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def main() -> int:
    """Write the files; with --check, only say which are not as they should be."""
    found = stale()
    if "--check" in sys.argv[1:]:
        for name in found:
            print(f"{name} is not as the table says; run `python -m infra.knative.generate`")
        return bool(found)
    for name in found:
        if name in (wanted := files()):
            (ROOT / name).write_text(wanted[name])
        else:
            (ROOT / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
