"""In which way an emulator is run, other than as usual: with chaos, reloading, under a debugger."""

import secrets
from dataclasses import dataclass
from importlib.util import find_spec

from dataflux.errors import Invalid
from dataflux.settings import Settings
from local import chaos as chaotic
from local.chaos import Chaos

PATIENT_S = 86_400.0
"""Longer than anybody looks at a breakpoint."""


@dataclass(frozen=True)
class Mode:
    """`debug` names the function that has one worker of its own and no time to keep.

    `isolated`: each event function in a process of its own, fed over HTTP; one that has had nothing
    to do for `idle_s` is stopped until there is something.
    """

    chaos: Chaos | None = None
    reload: bool = False
    debug: str | None = None
    debug_port: int = 5678
    isolated: bool = False
    idle_s: float | None = None

    def applied(self, settings: Settings) -> Settings:
        """Return the settings for this mode: under a debugger nothing runs out of time."""
        if self.debug is None:
            return settings
        return settings.model_copy(update={"lease_s": PATIENT_S, "decode_s": PATIENT_S})

    def told(self) -> dict[str, str]:
        """Prepare this mode; return what the user is told of it."""
        said = {}
        if self.chaos is not None:
            said["chaos"] = str(self.chaos)
        if self.reload:
            said["reload"] = "a function goes on with its new code when it changes"
        if self.debug is not None:
            said["debug"] = f"{self.debug}: {_attachable(self.debug_port)}"
        if self.idle_s is not None:
            said["scale"] = f"a function is stopped after {self.idle_s:g} s without work"
        return said


USUAL = Mode()


def _attachable(port: int) -> str:
    """Have a debugger attach; say where."""
    if find_spec("debugpy") is None:
        return "breakpoint() stops in this terminal; pip install debugpy, and an editor can attach"
    import debugpy

    debugpy.configure(subProcess=False)  # sealed children cannot call back
    try:
        host, port = debugpy.listen(("127.0.0.1", port))
    except RuntimeError as error:
        raise Invalid(f"debugpy cannot listen on port {port}: {error}; use --debug-port") from error
    return f"debugpy listens at {host}:{port}"


def parse(
    *,
    chaos: str | None,
    reload: bool,
    debug: str | None,
    debug_port: int,
    isolated: bool = False,
    idle_s: float | None = None,
) -> Mode:
    """Return the mode that the command line asks for; chaos draws a seed if none is given."""
    if debug is not None:
        _check(debug)
    if isolated and (reload or debug is not None):
        raise Invalid("--reload and --debug work on functions in one process; drop --isolated")
    if idle_s is not None and not isolated:
        raise Invalid("--scale-to-zero stops processes of functions; add --isolated")
    unkind = None if chaos is None else chaotic.parse(chaos, secrets.randbelow(1 << 31))
    return Mode(unkind, reload, debug, debug_port, isolated, idle_s)


def _check(debug: str) -> None:
    from functions.targets import BY_NAME  # with the database's driver

    known = [name for name, target in BY_NAME.items() if target.topics]
    if debug not in known:
        raise Invalid(f"no function {debug!r} to debug; use one of {', '.join(known)}")
