"""The options of what is made of a video: source, destination, qualities, text, limits."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from worker.config.option import parameter, secret, variable
from worker.config.sources import ClipEnd, Moment, Sources
from worker.config.values import (
    Destination,
    Downloads,
    KeySecret,
    KeyUri,
    Ladder,
    Preset,
    Subtitles,
)

# As many cores as the largest c6g and c7g have.
MAX_LANES = 64


class VideoOptions(BaseModel):
    """What to make, of what, and where to put it."""

    source: Sources = parameter(
        # Its content counts, which is known only when it is opened: see `plan.digest`.
        changes_output=False,
        metavar="S",
        description="the upload: s3://bucket/key, an https:// (presigned) URL, or a local file;"
        " repeatable: the parts of one lecture, joined in this order, 32 at most; in one text as a"
        " JSON list",
    )
    destination: Destination = parameter(
        changes_output=False,
        metavar="D",
        description="where the HLS folder goes: s3://bucket/prefix or a local folder",
    )
    from_s: Moment = variable(
        Fraction(0),
        changes_output=True,
        metavar="TIME",
        description="where the video begins, on the timeline of all parts: HH:MM:SS.mmm, MM:SS or"
        " seconds; exact to the frame and the sample",
    )
    to_s: ClipEnd = variable(
        None,
        changes_output=True,
        metavar="TIME",
        description="where the video ends, as --from; default: at the end of the last part",
    )
    time_limit_s: float = parameter(
        14400,
        changes_output=False,
        metavar="SECONDS",
        gt=0,
        le=7 * 86400,
        description="seconds this job may take; it stops by itself, checkpointed, a tenth of it"
        " (60 s at most) before that",
    )
    ladder: Ladder = parameter(
        "auto",
        changes_output=True,
        metavar="H,H,…",
        description="rung heights (of the short side), comma-separated; the source is never"
        " scaled up, and the first rung has the source's own size where that is smaller; auto:"
        " 1080,720,480 without those that a sample encode shows to be hardly lighter than the next",
    )
    publish_when: Literal["all", "first-rung"] = variable(
        "all",
        # Of when viewers have the rungs; in the end they have the same ones.
        changes_output=False,
        description="publish when all rungs are made, or first the lowest one with the audio, to"
        " which the others are added; all where a video is published there already, where several"
        " machines make it, and where the time limit leaves no room for a second pass",
    )
    max_frame_rate: float = parameter(
        30,
        changes_output=True,
        metavar="FPS",
        ge=1,
        le=120,
        description="frames per second at most; a faster source is divided evenly (60 to 30, 50 to"
        " 25)",
    )
    copy_top: Literal["auto", "always", "never"] = variable(
        "auto",
        changes_output=True,
        description="copy the source's own H.264 as the top rung where it fits; auto: where a"
        " sample encode also shows that an encode would hardly be lighter",
    )
    preset: Preset = parameter(
        "auto",
        # The preset may also change within a run, for lack of time: what is published is valid.
        changes_output=False,
        description="x264 preset; auto: faster, in lower rungs veryfast, and superfast where the"
        " time limit requires it; a named one is kept",
    )
    segment_s: Annotated[float, Field(ge=1, le=20)] | Literal["auto"] = parameter(
        "auto",
        changes_output=True,
        metavar="SECONDS",
        description="segment length, rounded to whole frames; auto: 6, or 12 where a sample encode"
        " shows that the video hardly moves",
    )
    parallel_spans: Annotated[int, Field(ge=1, le=MAX_LANES)] | Literal["auto"] = parameter(
        "auto",
        changes_output=False,
        metavar="N",
        description="FFmpeg processes at a time, each with its own memory; auto: one for each core,"
        " GiB of memory and two minutes of video, one where keyframes are far apart",
    )
    audio_language: str | None = variable(
        None,
        changes_output=True,
        metavar="CODE",
        pattern=r"^[A-Za-z]{2,3}$",
        description="language of the audio track to take where there are several (ko, en);"
        " default: the upload's own choice",
    )
    loudness: Annotated[float, Field(ge=-36, le=-8)] | Literal["off"] = variable(
        "off",
        changes_output=True,
        metavar="LUFS",
        description="bring the audio to this loudness (EBU R128), -16 for example: measured first,"
        " then one gain for the whole, peaks limited",
    )
    speech: Literal["off", "clean"] = variable(
        "off",
        changes_output=True,
        description="clean: bring speech forward, with less hum and steady noise, evened, and at"
        " --loudness, or -16 LUFS without it; music and silence stay as they are",
    )
    audio: Literal["separate", "muxed"] = parameter(
        "separate",
        changes_output=True,
        description="where players find the audio: in a rendition of its own, which each quality"
        " shares, or muxed into the segments of each quality, for CDNs and players that know no"
        " audio rendition; a variant of audio alone is there in either case",
    )
    audio_only: Literal["refuse", "allow"] = variable(
        "refuse",
        # Of what is accepted: a video is the same, and what is published already stays.
        changes_output=False,
        description="what becomes of an upload without video, such as an MP3: refuse ends the job"
        " with 65, audio_only; allow publishes its audio, with its cover or a waveform as the"
        " thumbnail",
    )
    captions: Literal["embedded", "off"] = variable(
        "embedded",
        changes_output=True,
        description="captions in the video's frames (CEA-608 and CEA-708, as broadcasts have them):"
        " embedded publishes them as WebVTT, off leaves them out",
    )
    subtitles: Subtitles = variable(
        (),
        # Their content counts, which is known only when they are read: see `plan.digest`.
        changes_output=False,
        metavar="LANGUAGE=S",
        description="a file of subtitles beside the upload (SRT, WebVTT or SAMI), published in"
        " this language, such as ko=s3://bucket/talk.srt; repeatable",
    )
    download: Downloads = variable(
        (),
        # Of the request, not of the video: one is added to what is published without an encode.
        changes_output=False,
        metavar="FORMAT",
        description="also publish one file to be downloaded: mp4 (the top rung and the audio) or"
        " m4a (the audio); repeatable, also later, without an encode; it is clear, so not with"
        " --encrypt",
    )
    chapters: bool = variable(
        default=False,
        changes_output=True,
        description="find slide changes and publish them as chapters (WebVTT, manifest.json)",
    )
    allow_truncated: bool = variable(
        default=False,
        changes_output=True,
        description="publish what there is of an upload that is cut short, instead of refusing it",
    )
    max_duration_s: float = variable(
        43_200,
        changes_output=False,
        metavar="SECONDS",
        gt=0,
        # MPEG-TS times are 33 bits at 90 kHz, 95,443 s, and segments start at 10 s.
        le=95_000,
        description="longest video that is accepted; 95000 (26.4 hours) at most, since the clock of"
        " MPEG-TS wraps after 26.5",
    )
    max_source_gib: float = variable(
        64,
        changes_output=False,
        metavar="GIB",
        gt=0,
        le=4096,
        description="largest upload that is accepted, in GiB",
    )
    allow_private_sources: bool = variable(
        default=False,
        changes_output=False,
        description="accept an https source at an address that is not on the internet: this"
        " machine, its network, its cloud's metadata",
    )
    encrypt: bool = variable(
        default=False,
        changes_output=True,
        description="encrypt video and audio with AES-128 (docs/encryption.md); needs --key-uri and"
        " WORKER_KEY_SECRET",
    )
    key_uri: KeyUri | None = variable(
        None,
        # Of the request, not of the run: another one is published without encoding.
        changes_output=True,
        metavar="URL",
        description="with --encrypt: where players request the key,"
        " https://api.example/keys/{key_id}; everybody who reads a playlist sees it",
    )
    key_secret: KeySecret | None = secret(
        description="the secret that keys are derived from, 32 bytes or more; the academy's API has"
        " the same",
    )
