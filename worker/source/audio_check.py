"""Decodes audio before it is encoded: whether it can be, how loud it is, and on which side."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.audio import DECODED, decode_audio, decoded_rate_hz, measure_audio
from worker.ffmpeg.run import (
    FFMPEG_FAILURES,
    decoded_frames,
    run_ffmpeg,
    run_through_pipe,
    written_samples,
)
from worker.ffmpeg.speech.measure import PIPES, read_speech
from worker.media.streams import AudioStream, Media, Mix
from worker.media.timeline import length_s
from worker.plan.parts import UNHEARD, Heard, Side, Window
from worker.plan.speech import SpeechLevels, plan_cleaning, why_left_alone
from worker.runtime.child import Line
from worker.runtime.process import FailedError
from worker.runtime.workspace import Workspace

_LOUDNESS = re.compile(r"\bI:\s+(-?\d+(?:\.\d+)?) LUFS")
_CHANNEL = re.compile(r"\bChannel: (\d+)")
_LEVEL = re.compile(r"\bPeak level dB: (\S+)")
# Below this there is nothing but noise to raise (EBU R128's absolute gate).
_SILENCE_LUFS = -69.0
_MAX_GAIN_DB = 30.0
# The peak of a track without a voice: an open input's hum is below, a whisper above.
_SILENT_DB = -45.0
# What two sides differ by at most because of codecs. Of 38 stereo recordings none was below -18 dB,
# and of those whose sides were the same none above -42 dB.
_SAME_DB = -30.0
# A side with less than the other one's crosstalk.
_EMPTY_SIDE_DB = -50.0
# 7.1: more channels without positions are microphones, not loudspeakers.
_MOST_GUESSED = 8
# What one channel that is played on both sides has more than on one.
_BOTH_SIDES_LU = 3.0
# And more than in a mix with the other side, which is empty.
_ONE_SIDE_DB = 6.0
# Of cleaned speech, where no loudness is asked for.
_SPEECH_LUFS = -16.0
# Of audio alone: with less of it decoded, most of what would be published is silence.
_LEAST_DECODED_SHARE = 0.45

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """What was measured of a track: its peaks, in dB of full scale.

    `sides_db` is of each channel as published, `difference_db` of half the difference of two.
    `decoded_s` is how much was decoded, None where that is not known. `speech` is measured where
    speech is to be cleaned.
    """

    sides_db: tuple[float, ...]
    difference_db: float | None = None
    lufs: float | None = None
    speech: SpeechLevels | None = None
    decoded_s: float | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nothing is to be heard."""
        return bool(self.sides_db) and max(self.sides_db) < _SILENT_DB

    @property
    def side(self) -> Side | None:
        """Where the one channel of a stereo track is; None where there are two."""
        if self.difference_db is None:
            return None
        left_db, right_db = self.sides_db
        loudest_db = max(left_db, right_db)
        # Nothing differs from nothing: two silent channels are one.
        if loudest_db == -math.inf or self.difference_db <= loudest_db + _SAME_DB:
            return "both"
        if min(left_db, right_db) <= loudest_db + _EMPTY_SIDE_DB:
            return "left" if left_db > right_db else "right"
        return None


def listen(
    media: Media,
    source: Path,
    workspace: Workspace,
    window: Window,
    *,
    loudness_lufs: float | None,
    cleans_speech: bool = False,
) -> tuple[Media, Heard]:
    """Try and measure the audio of what is used of a source.

    Returns the source with a track that can be used. Of several equal tracks one on which something
    is to be heard is used. A track whose channels FFmpeg cannot mix by their positions is mixed
    otherwise. All of the window is decoded for it, unless it is one channel beside a video, of
    which nothing needs to be known; with `cleans_speech` once more, where there is speech.

    Raises:
        BadSourceError: it is audio alone, most of which cannot be decoded.

    """
    tracks = [t for t in (media.audio, *media.other_audio) if t is not None]
    media = replace(media, audio=None, other_audio=())
    usable = [t for t in (_usable(media, t, source, workspace) for t in tracks) if t is not None]
    if not usable:
        return media, Heard()
    is_alone = media.video_track is None
    has_loudness = cleans_speech or loudness_lufs is not None
    needs_levels = len(usable) > 1 or has_loudness or is_alone
    silent: list[AudioStream] = []
    for track in usable:
        with_track = replace(media, audio=track)
        if track.mixed_channels == 1 and not needs_levels:
            return with_track, Heard()
        listening = _Listening(with_track, source, workspace, window)
        levels = _measure(listening, has_loudness=has_loudness, has_speech=cleans_speech)
        if len(usable) > 1 and levels.is_silent:
            silent.append(track)
            continue
        if silent:
            log.warning("audio_silent", tracks=[t.index for t in silent], used=track.index)
        if is_alone:
            _refuse_filler(track, levels, window)
        side = _side(levels, track)
        if cleans_speech:
            lufs = _SPEECH_LUFS if loudness_lufs is None else loudness_lufs
            if cleaned := _clean(listening, levels, side=side, target_lufs=lufs):
                return with_track, cleaned
        return with_track, Heard(gain_db=_gain_db(levels, side, loudness_lufs), side=side)
    # Silence everywhere: it needs one channel, and no gain.
    return replace(media, audio=usable[0]), Heard()


def _usable(
    media: Media, track: AudioStream, source: Path, workspace: Workspace
) -> AudioStream | None:
    """Return a track that can be decoded, with the way in which its channels can be mixed."""
    for mix in _mixes(track):
        tried = replace(track, mix=mix)
        if _can_decode(replace(media, audio=tried), source, workspace):
            if mix != "positions":
                log.warning(
                    "audio_mixed_without_positions", track=track.index, channels=track.channels
                )
            return tried
    log.warning("audio_undecodable", codec=track.codec, track=track.index)
    return None


def _mixes(track: AudioStream) -> tuple[Mix, ...]:
    """Return how the channels of a track may be mixed, the best way first."""
    if track.channels == 1:
        return ("positions",)
    if (track.layout or "").startswith("ambisonic"):
        # Its first channel is what a microphone for all directions hears.
        return ("positions", "first")
    # Newer versions of FFmpeg guess positions where there are none: of ten microphones, too.
    has_positions = track.layout or track.channels <= _MOST_GUESSED
    return ("positions", "sum") if has_positions else ("sum",)


def _can_decode(media: Media, source: Path, workspace: Workspace) -> bool:
    """Whether the first seconds of the audio can be decoded, or at least a third of them."""
    command = decode_audio(media, source, is_trial=True)
    try:
        tail = run_ffmpeg("ffmpeg (audio check)", command, workspace)
    except FFMPEG_FAILURES as error:
        log.debug("audio_check_failed", reason=str(error))
        # Killed, it may have been for lack of memory, and a lecture without its audio is no
        # lecture: then the encode finds out.
        return not isinstance(error, FailedError)
    return media.audio is not None and decoded_frames(tail).get(media.audio.index, 0) > 0


@dataclass(frozen=True, slots=True)
class _Listening:
    """What is listened to: the window of a source with one track."""

    media: Media
    source: Path
    workspace: Workspace
    window: Window


def _measure(
    listening: _Listening,
    *,
    has_loudness: bool,
    has_speech: bool = False,
    heard: Heard = UNHEARD,
) -> Levels:
    media, window = listening.media, listening.window
    used_s = window.end_s - window.start_s if window.end_s < length_s(media) else None
    decode = decode_audio(media.starting_at(window.start_s), listening.source, length_s=used_s)
    speech_s = float(window.end_s - window.start_s) if has_speech else None
    measure = measure_audio(media, has_loudness=has_loudness, speech_s=speech_s, heard=heard)
    printed: dict[str, list[str]] = {pipe: [] for pipe in PIPES}

    def keep(line: Line) -> None:
        if line.label in printed:
            printed[line.label].append(line.text)

    try:
        written, tail = run_through_pipe(
            decode, measure, DECODED, listening.workspace, on_line=keep
        )
    except FFMPEG_FAILURES as error:
        log.debug("audio_check_failed", reason=str(error))
        return read_levels(())
    levels = read_levels(tail)
    if has_speech:
        levels = replace(levels, speech=read_speech(printed))
    if media.audio is None:
        return levels
    return replace(levels, decoded_s=written_samples(written) / decoded_rate_hz(media.audio))


def _clean(
    listening: _Listening, levels: Levels, *, side: Side | None, target_lufs: float
) -> Heard | None:
    """Decide how the speech of a track is cleaned, and how loud it is then.

    None if it is no speech, or cannot be measured so cleaned: then it cannot be encoded so.
    """
    speech, lufs = levels.speech, levels.lufs
    why = why_left_alone(speech) if speech and lufs is not None else "not_measured"
    if why or speech is None or lufs is None:
        log.info("speech_left_alone", reason=why)
        return None
    is_one_side = side in {"left", "right"}
    lufs += _BOTH_SIDES_LU if is_one_side else 0.0
    cleaning = plan_cleaning(speech, lufs=lufs, raised_db=_ONE_SIDE_DB if is_one_side else 0.0)
    heard = Heard(side=side, cleaning=cleaning)
    cleaned = _measure(listening, has_loudness=True, heard=heard)
    if cleaned.lufs is None:
        log.info("speech_left_alone", reason="not_measured")
        return None
    log.info("speech_cleaned", noise_db=cleaning.noise_db, hum_hz=cleaning.hum_hz)
    return replace(heard, gain_db=_gain_db(cleaned, None, target_lufs))


def _refuse_filler(track: AudioStream, levels: Levels, window: Window) -> None:
    """Refuse audio of which most would be silence, as `encode.decode_check` does of a video."""
    decoded_s = levels.decoded_s
    used_s = min(track.packets.clock.length_s, float(window.end_s - window.start_s))
    if decoded_s is not None and decoded_s < _LEAST_DECODED_SHARE * used_s:
        raise BadSourceError(
            f"only {decoded_s:.1f} s of {used_s:.1f} s can be decoded: the file is damaged;"
            " export or upload it again",
            code=SourceFault.DAMAGED,
        )


def read_levels(tail: Sequence[str]) -> Levels:
    """Read the summaries of FFmpeg's filters astats and ebur128."""
    # Where FFmpeg cannot say, a level is NaN: then nothing is concluded.
    found: dict[int, float] = {}
    channel, lufs = 0, None
    for line in tail:
        if match := _CHANNEL.search(line):
            channel = int(match[1])
        elif match := _LEVEL.search(line):
            found[channel] = float(match[1])
        elif match := _LOUDNESS.search(line):
            lufs = float(match[1])
    levels_db = tuple(found.values())
    if len(levels_db) <= 1:
        return Levels(sides_db=levels_db, lufs=lufs)
    return Levels(sides_db=levels_db[:-1], difference_db=levels_db[-1], lufs=lufs)


def _side(levels: Levels, track: AudioStream) -> Side | None:
    side = levels.side
    if side:
        log.info("audio_is_one_channel", track=track.index, side=side)
    return side


def _gain_db(levels: Levels, side: Side | None, target_lufs: float | None) -> float:
    """Return the gain that brings audio to a loudness; 0 for silence."""
    if target_lufs is None:
        return 0.0
    if levels.lufs is None or levels.lufs < _SILENCE_LUFS:
        log.warning("loudness_unknown", measured_lufs=levels.lufs)
        return 0.0
    lufs = levels.lufs + (_BOTH_SIDES_LU if side in {"left", "right"} else 0.0)
    gain_db = max(-_MAX_GAIN_DB, min(_MAX_GAIN_DB, round(target_lufs - lufs, 1)))
    log.info("loudness_measured", lufs=lufs, gain_db=gain_db)
    return gain_db
