"""How right music, speech, other sounds and silence are told apart, on recordings of your own.

    python bench/music.py FOLDER

FOLDER has folders named music, other and speech with sound files in them. Printed are, for each
file, the shares of its time that are told to be speech, music, sound and silence, then the share of
each folder's time that is right, and the CPU seconds a second of sound.
"""

import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from analyzers import containers
from analyzers.api import Segment
from analyzers.audio.sound import first_track
from analyzers.audio.timeline import Timeline

KINDS = ("utterance", "music", "sound", "silence")
RIGHT = {"music": {"music"}, "other": {"sound", "silence"}, "speech": {"utterance"}}


def told(path: Path) -> tuple[Counter[str], float]:
    """Return the seconds of each kind, and the length."""
    with path.open("rb") as file, containers.opened(file) as container:
        track = first_track(container)
        assert track is not None, path
        timeline = Timeline(track)
        seconds: Counter[str] = Counter()
        for item in timeline.segments():
            if isinstance(item, Segment) and item.type in KINDS:
                seconds[item.type] += item.end_marker["time"] - item.start_marker["time"]
    return seconds, timeline.length_s


def main(folder: Path) -> None:
    print(f"av {version('av')}, numpy {version('numpy')}, onnxruntime {version('onnxruntime')}")
    before, length = time.process_time(), 0.0
    for name, right in RIGHT.items():
        whole: Counter[str] = Counter()
        for path in sorted((folder / name).iterdir()):
            seconds, heard = told(path)
            length += heard
            whole += seconds
            print(f"{name:7} {path.name:28} {heard:6.1f} s  {_shares(seconds)}")
        correct = sum(whole[kind] for kind in right)
        print(f"{name:7} right {correct / max(1e-9, whole.total()):.3f} of {whole.total():.0f} s\n")
    print(f"{(time.process_time() - before) / length:.4f} CPU seconds a second, voice included")


def _shares(seconds: Counter[str]) -> str:
    total = max(1e-9, seconds.total())
    return "  ".join(f"{kind} {seconds[kind] / total:4.2f}" for kind in KINDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
