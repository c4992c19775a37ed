"""Playlists of the kinds that FFmpeg follows, which name a file or an address."""

from pathlib import Path

NAMES = ("hls file", "hls http", "hls key", "dash http", "concat file", "concat http")


def playlist(name: str, url: str, file: Path) -> bytes:
    """Return a list that names a file of this machine or an address."""
    target = str(file) if name.endswith("file") else f"{url}/{name.replace(' ', '-')}"
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"\n' if name == "hls key" else ""
    match name.split()[0]:
        case "hls":
            text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n{key}#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
        case "dash":
            text = (
                '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
                'mediaPresentationDuration="PT9S" minBufferTime="PT1S" '
                'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
                'mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1.640028">'
                f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
            )
        case _:
            text = f"ffconcat version 1.0\nfile {target}\n"
    return text.encode()
