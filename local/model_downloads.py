"""Files of models over HTTP: the only code that fetches any; it goes on where it broke off."""

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from analyzers.models.manifest import Model, ModelFile
from analyzers.models.store import ModelStore
from dataflux.errors import Invalid, TooLarge, Unavailable

CHUNK = 1 << 20
TIMEOUT = httpx.Timeout(60.0, connect=20.0)
TRIES = 5
"""Attempts in a row that bring nothing; one that brings bytes starts the count anew."""

Progress = Callable[[str, int, int], None]
"""Is told the file, how many bytes of it are here, and how many there will be."""


def pull(store: ModelStore, model: Model, progress: Progress, *, mirror: str | None = None) -> Path:
    """Bring a model of the catalogue in; raise Unavailable if its source does not answer."""
    _require_space(store.folder, model)
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as http:

        def fetch(file: ModelFile, part: Path) -> None:
            url = _address(model, file, mirror)
            Download(http, file, url, part, progress).run()

        return store.install(model, fetch)


def _require_space(folder: Path, model: Model) -> None:
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(nearest).free
    if free < model.size:
        raise TooLarge(
            f"{model.name} needs {model.size >> 20} MiB and {nearest} has {free >> 20} MiB free;"
            " set DATAFLUX_MODELS to a folder with room"
        )


def _address(model: Model, file: ModelFile, mirror: str | None) -> str:
    if file.url is None:
        raise Invalid(
            f"{model.name}: {file.path} has no URL; bring it with `dataflux models add"
            f" {model.name} --from FOLDER`"
        )
    if mirror is None:
        return file.url
    parts = urlsplit(file.url)
    return f"{mirror.rstrip('/')}{parts.path}"


class Download:
    """One file into a partial one, which stays where it is when a connection breaks."""

    def __init__(
        self, http: httpx.Client, file: ModelFile, url: str, part: Path, progress: Progress
    ) -> None:
        self._http, self._file, self._url = http, file, url
        self._part, self._progress = part, progress

    def run(self) -> None:
        left = TRIES
        while (before := self._here()) < self._file.size:
            try:
                self._attempt(before)
                why = "it ended early"
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
            left = TRIES if self._here() > before else left - 1
            if not left:
                raise Unavailable(
                    f"{self._url} broke off ({why}) at byte {self._here()} of {self._file.size};"
                    " run the same command again to go on from there"
                )

    def _here(self) -> int:
        """Return how much there is; more than there should be is not the file."""
        size = self._part.stat().st_size if self._part.exists() else 0
        if size > self._file.size:
            self._part.unlink()
            return 0
        return size

    def _attempt(self, begin: int) -> None:
        headers = {"accept-encoding": "identity"}
        if begin:
            headers["range"] = f"bytes={begin}-"
        with self._http.stream("GET", self._url, headers=headers) as response:
            goes_on = self._goes_on(response, begin)
            with self._part.open("ab" if goes_on else "wb") as out:
                here = begin if goes_on else 0
                for chunk in response.iter_raw(CHUNK):
                    here += len(chunk)
                    self._refuse_more(here)
                    out.write(chunk)
                    self._progress(self._file.path, here, self._file.size)

    def _goes_on(self, response: httpx.Response, begin: int) -> bool:
        """Return whether the answer is the rest of the file; raise where it is none at all."""
        if response.status_code == httpx.codes.PARTIAL_CONTENT and begin:
            said = response.headers.get("content-range", "")
            if said.startswith(f"bytes {begin}-"):
                return True
            raise httpx.RemoteProtocolError(f"another range than was asked for: {said!r}")
        if response.status_code == httpx.codes.OK:
            return False
        if response.status_code in (408, 429) or response.is_server_error:
            raise httpx.RemoteProtocolError(f"the server answered {response.status_code}")
        raise Unavailable(
            f"{self._url} answered {response.status_code}; the file may have moved: look at the"
            " model's card, or use --mirror"
        )

    def _refuse_more(self, here: int) -> None:
        if here > self._file.size:
            self._part.unlink()
            raise Invalid(
                f"{self._url} sends more than the {self._file.size} bytes that are pinned; nothing"
                " was installed"
            )
