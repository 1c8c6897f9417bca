"""What playlists must fulfil so that a video plays (RFC 8216, and the worker's own). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ops.audit.finding import Code, Finding
from ops.audit.playlist import ListedSegment, MediaPlaylist, Stream
from worker.hls.encryption import METHOD
from worker.storage.base import StoredObject

# An EXTINF has microseconds, and carries the rounding of those before it.
_ROUNDING_S = 0.000_002
# Of durations that should be the same: a few frames, and less than the shortest segment.
_TOLERANCE_S = 0.5
_VARIANTS = ("EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF")
_IV_CHARS = len("0x") + 32


def master_faults(key: str, streams: Sequence[Stream]) -> Iterator[Finding]:
    """Report variants without CODECS, and groups that they name and nothing defines."""
    groups = {
        (stream.attributes.get("TYPE"), stream.attributes.get("GROUP-ID"))
        for stream in streams
        if stream.tag == "EXT-X-MEDIA"
    }
    for stream in streams:
        if stream.tag not in (*_VARIANTS, "EXT-X-MEDIA"):
            yield Finding(
                code=Code.MASTER_DAMAGED, key=key, detail=f"{stream.uri} has no EXT-X-STREAM-INF"
            )
        if stream.tag in _VARIANTS and not stream.attributes.get("CODECS"):
            yield Finding(code=Code.CODECS_MISSING, key=key, detail=f"{stream.tag} of {stream.uri}")
        for kind in ("AUDIO", "SUBTITLES"):
            group = stream.attributes.get(kind)
            if stream.tag in _VARIANTS and group and (kind, group) not in groups:
                yield Finding(
                    code=Code.GROUP_MISSING,
                    key=key,
                    detail=f"{stream.uri} names the {kind} group {group!r}, which nothing defines",
                )


def media_faults(
    key: str, playlist: MediaPlaylist, *, segments: int | None, duration_s: float | None
) -> Iterator[Finding]:
    """Report what is wrong with a media playlist alone.

    `segments` and `duration_s` are those that the manifest records; None: it records none.
    """
    if not playlist.has_end:
        yield Finding(code=Code.NO_END, key=key, detail="there is no EXT-X-ENDLIST: it never ends")
    unread = [s.name for s in playlist.segments if s.duration_s is None]
    if unread:
        yield Finding(code=Code.DURATION, key=key, detail=f"{unread[0]} has no EXTINF")
    longest = max((s.duration_s or 0 for s in playlist.segments), default=0)
    if playlist.target_s is None or int(longest + 0.5 - _ROUNDING_S) > playlist.target_s:
        yield Finding(
            code=Code.TARGET_DURATION,
            key=key,
            detail=f"the target is {playlist.target_s} s, the longest segment {longest:g} s",
        )
    count = len(playlist.segments)
    if segments is not None and count != segments:
        yield Finding(
            code=Code.SEGMENT_COUNT, key=key, detail=f"names {count} segments of {segments}"
        )
    elif duration_s is not None and abs(playlist.duration_s - duration_s) > _TOLERANCE_S:
        yield Finding(
            code=Code.DURATION,
            key=key,
            detail=f"lasts {playlist.duration_s:.3f} s, the video {duration_s:.3f} s",
        )


def range_faults(
    key: str, playlist: MediaPlaylist, objects: Mapping[str, StoredObject]
) -> Iterator[Finding]:
    """Report byte ranges that reach beyond their segments."""
    folder = key.rpartition("/")[0]
    faulty = [
        f"byte {segment.range_end} of {segment.name}, which has {stored.bytes}"
        for segment in playlist.segments
        if (stored := objects.get(f"{folder}/{segment.name}"))
        and segment.range_end is not None
        and segment.range_end > stored.bytes
    ]
    if faulty:
        detail = f"names {faulty[0]}"
        yield Finding(code=Code.BYTE_RANGE, key=key, detail=detail, count=len(faulty))


def key_faults(key: str, playlist: MediaPlaylist, key_uri: str | None) -> Iterator[Finding]:
    """Report segments without a key and an IV of their own, where segments are encrypted.

    `key_uri`: where the manifest says that players request the key; None: it says nothing.
    """
    is_encrypted = key_uri is not None or any(segment.key for segment in playlist.segments)
    if not is_encrypted or playlist.is_of_key_frames:
        return
    ivs: set[str] = set()
    faulty = []
    for segment in playlist.segments:
        iv = (segment.key or {}).get("IV", "")
        if not _is_key(segment, key_uri) or iv in ivs:
            faulty.append(segment.name)
        ivs.add(iv)
    if faulty:
        yield Finding(
            code=Code.KEY_MISSING,
            key=key,
            detail=f"{faulty[0]} has no EXT-X-KEY with the key's URI and an IV of its own",
            count=len(faulty),
        )


def _is_key(segment: ListedSegment, key_uri: str | None) -> bool:
    key = segment.key or {}
    return (
        key.get("METHOD") == METHOD
        and bool(key.get("URI"))
        and key_uri in {None, key.get("URI")}
        and len(key.get("IV", "")) == _IV_CHARS
    )


def rung_faults(rungs: Mapping[str, MediaPlaylist], duration_s: float | None) -> Iterator[Finding]:
    """Report rungs whose segments are not cut as those of the others: players switch among them.

    The one whose duration is nearest the video's is compared with the rest.
    """
    if len(rungs) < 2:  # noqa: PLR2004 (one has none to differ from)
        return
    wanted_s = max(p.duration_s for p in rungs.values()) if duration_s is None else duration_s
    first = min(rungs, key=lambda key: abs(rungs[key].duration_s - wanted_s))
    for key, playlist in rungs.items():
        detail = _difference(playlist, rungs[first])
        if detail:
            yield Finding(code=Code.RUNGS_DIFFER, key=key, detail=f"{detail} of {first}")


def _difference(playlist: MediaPlaylist, other: MediaPlaylist) -> str | None:
    mine, others = playlist.segments, other.segments
    if len(mine) != len(others):
        return f"has {len(mine)} segments, unlike the {len(others)}"
    for i, (one, two) in enumerate(zip(mine, others, strict=True)):
        if abs((one.duration_s or 0) - (two.duration_s or 0)) > _TOLERANCE_S:
            return f"segment {i} lasts {one.duration_s} s, unlike the {two.duration_s} s"
    return None
