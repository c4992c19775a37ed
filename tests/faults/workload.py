"""People who upload while everything goes wrong, and a history of what they were told."""

import hashlib
import json
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from tests.faults.cluster import Cluster
from tests.faults.files import File, make

PEOPLE = 4
TIMEOUT_S = 20.0


class Told(StrEnum):
    """What became of an upload, as its sender knows it: after Jepsen's histories."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Upload:
    """One upload: `lineage` is what an acknowledgement named."""

    number: int
    name: str
    sha256: str
    size: int
    told: Told
    lineage: str | None = None
    why: str = ""


class Workload:
    """Uploads `count` files by way of the proxy, several at a time, each file once."""

    def __init__(self, cluster: Cluster, seed: int, count: int, largest: int, log: Path) -> None:
        self._cluster, self._seed, self._count, self._largest = cluster, seed, count, largest
        self._log = log
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._up = False
        self._next = self._allowed = 0
        self.history: list[Upload] = []
        self._threads = [
            threading.Thread(target=self._upload_all, name=f"person-{n}") for n in range(PEOPLE)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def begun(self) -> int:
        return self._next

    def told(self) -> Counter[Told]:
        with self._lock:
            return Counter(upload.told for upload in self.history)

    def open(self, *, opened: bool = True) -> None:
        """Say whether there is anybody to send files to: nobody sends them to the dead."""
        with self._changed:
            self._up = opened
            self._changed.notify_all()

    def allow(self, number: int) -> None:
        """Let so many uploads begin, in all."""
        with self._changed:
            self._allowed = number
            self._changed.notify_all()

    def _upload_all(self) -> None:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            while (number := self._draw()) is not None:
                file = make(self._seed, number, largest=self._largest)
                self._keep(self._upload(client, number, file))

    def _draw(self) -> int | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._next >= self._count or (self._up and self._next < self._allowed)
            )
            if self._next >= self._count:
                return None
            self._next += 1
            if self._next == self._count:
                self._changed.notify_all()
            return self._next - 1

    def _upload(self, client: httpx.Client, number: int, file: File) -> Upload:
        sha256, size = hashlib.sha256(file.data).hexdigest(), len(file.data)

        def upload(told: Told, lineage: str | None = None, why: str = "") -> Upload:
            return Upload(number, file.name, sha256, size, told, lineage, why)

        try:
            answer = self._post(client, number, file)
        except httpx.HTTPError as error:
            return upload(Told.UNKNOWN, why=type(error).__name__)
        if answer.status_code == 202:
            return upload(Told.OK, answer.json()["lineage"])
        told = Told.REFUSED if answer.status_code in (429, 503) else Told.UNKNOWN
        return upload(told, why=f"{answer.status_code} {answer.text[:200]}")

    def _post(self, client: httpx.Client, number: int, file: File) -> httpx.Response:
        """Send every other file as a form, the rest as they are."""
        url = f"http://127.0.0.1:{self._cluster.api.port}/api/v1/assets"
        headers = {"authorization": f"Bearer {self._cluster.token}"}
        if number % 2:
            form = {"file": (file.name, file.data, file.mime_type)}
            return client.post(url, headers=headers, files=form)
        headers["content-type"] = file.mime_type
        return client.post(url, headers=headers, params={"filename": file.name}, content=file.data)

    def _keep(self, upload: Upload) -> None:
        with self._lock:
            self.history.append(upload)
            with self._log.open("a") as log:
                log.write(json.dumps(asdict(upload)) + "\n")
