"""The report as HTML: a section of the preview's page, or a page of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from html import escape
from importlib.resources import files

from worker.media.timeline import clock_time, exact_time
from worker.report.figures import Figures, Rendition, Source, SourcePart, SourceVideo
from worker.report.messages import say, say_reason
from worker.report.plot import Series, Strip, draw

_MEGA = 1_000_000
_GIGA = 1_000_000_000
_DASH = "–"


def asset(name: str) -> str:
    """Return the text of a file of this package."""
    return (files("worker.report") / name).read_text(encoding="utf-8")


def render_page(figures: Figures, thumbnail: bytes | None) -> str:
    """Render a whole page that loads no other file and runs no script but its own."""
    style, script = asset("report.css"), asset("language.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}';"
        f" script-src '{_digest(script)}'"
    )
    image = ""
    if thumbnail:
        data = base64.b64encode(thumbnail).decode()
        image = f'<img class="thumbnail" alt="" src="data:image/jpeg;base64,{data}">'
    title = escape(figures.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{style}</style>",
            f"<script>{script}</script>",
            f'<header><h1>{title}</h1><button id="language">{say("language")}</button></header>',
            f'<main class="report">{image}{render_report(figures)}</main>',
            "</html>",
            "",
        ]
    )


def render_report(figures: Figures) -> str:
    """Render the sections of the report."""
    return "\n".join(
        part
        for section in (_summary, _rungs, _rates, _job, _replans, _warnings, _parts, _compare)
        for part in section(figures)
    )


def _summary(figures: Figures) -> Iterator[str]:
    moment = figures.published_at.partition(".")[0].replace("T", " ").removesuffix("+00:00")
    rows = [
        (say("length"), clock_time(figures.duration_s)),
        (say("size"), _size(figures.bytes)),
        (say("published"), f"{escape(moment)} UTC"),
        (say("run"), escape(figures.run)),
    ]
    if clip := figures.clip:
        end = say("end") if clip.end_s is None else exact_time(Fraction(clip.end_s))
        rows.append((say("clip"), f"{exact_time(Fraction(clip.start_s))} – {end}"))
    if found := figures.encryption:
        rows.append((say("encryption"), escape(f"{found.method}, key_id {found.key_id}")))
    rows += [(say("download"), f"{d.format} ({_size(d.bytes)})") for d in figures.downloads]
    yield _facts(rows)


def _rungs(figures: Figures) -> Iterator[str]:
    yield f"<h2>{say('rungs')}</h2>"
    heads = ("rung", "size_px", "average", "peak", "size", "segments", "codec")
    yield _table(
        heads, [_rung(rendition) for rendition in figures.renditions], numbers={2, 3, 4, 5}
    )
    if figures.missing_rungs:
        yield f'<p class="warned">{say("missing")}: {escape(", ".join(figures.missing_rungs))}</p>'


def _rung(rendition: Rendition) -> list[str]:
    kinds = {"audio": say("audio"), "subtitles": say("subtitles")}
    size = f"{rendition.width}x{rendition.height}" if rendition.width else _DASH
    language = f" ({escape(rendition.language)})" if rendition.language else ""
    return [
        escape(rendition.name),
        kinds.get(rendition.kind, size) + language,
        _rate(rendition.average_bps),
        _rate(rendition.peak_bps),
        _size(rendition.bytes),
        str(rendition.segments),
        escape(rendition.codec or _DASH),
    ]


def _rates(figures: Figures) -> Iterator[str]:
    yield f"<h2>{say('rates')}</h2>"
    drawn = [r for r in figures.renditions if r.rates]
    if not drawn:
        yield f'<p class="faint">{say("no_rates")}</p>'
        return
    series = [
        Series(name=r.name, steps=[(s.start_s, s.end_s, s.bps / _MEGA) for s in r.rates])
        for r in drawn
    ]
    strips = [
        Strip(name=r.name, stretches=[(p.start_s, p.end_s, p.preset) for p in r.presets])
        for r in figures.rungs
        if r.presets
    ]
    yield draw(series, end=figures.duration_s, unit="Mb/s", strips=strips)
    yield _key("c", [escape(r.name) for r in drawn])
    presets = list(dict.fromkeys(name for strip in strips for *_, name in strip.stretches))
    if presets:
        yield f'<p class="faint">{say("presets")}</p>'
        yield _key("p", [escape(preset) or say("unknown") for preset in presets])


def _job(figures: Figures) -> Iterator[str]:
    yield f"<h2>{say('job')}</h2>"
    facts = []
    if figures.encode_s is not None:
        facts.append((say("encode_time"), clock_time(figures.encode_s)))
    if figures.speed is not None:
        facts.append((say("speed"), f"{figures.speed:.2f} {say('real_time')}"))
    if figures.segments_resumed is not None:
        facts.append((say("resumed"), f"{figures.segments_resumed} / {figures.segments}"))
    yield _facts([*facts, ("worker", escape(figures.worker)), ("FFmpeg", escape(figures.ffmpeg))])
    if figures.speeds:
        yield f"<h2>{say('speeds')}</h2>"
        yield draw(
            [Series(name="", steps=[(s.start_s, s.end_s, s.times) for s in figures.speeds])],
            end=figures.speeds[-1].end_s,
            unit="x",
            marks=[replan.at_s for replan in figures.replans],
        )


def _replans(figures: Figures) -> Iterator[str]:
    yield f"<h2>{say('replans')}</h2>"
    if not figures.replans:
        yield f'<p class="faint">{say("no_replans")}</p>'
        return
    rows = [
        [
            clock_time(replan.at_s),
            escape(replan.before),
            escape(replan.after),
            say_reason(replan.reason),
            clock_time(replan.needed_s) if replan.needed_s is not None else _DASH,
            clock_time(replan.remaining_s) if replan.remaining_s is not None else _DASH,
        ]
        for replan in figures.replans
    ]
    heads = ("at", "before", "after", "reason", "needed", "remaining")
    yield _table(heads, rows, numbers={0, 4, 5})


def _warnings(figures: Figures) -> Iterator[str]:
    yield f"<h2>{say('warnings')}</h2>"
    if not figures.warnings:
        yield f'<p class="faint">{say("no_warnings")}</p>'
    for warning in figures.warnings:
        event, detail = escape(warning.event), escape(warning.detail)
        yield f'<p class="warned"><b>{event}</b> {detail}</p>'


def _parts(figures: Figures) -> Iterator[str]:
    if not figures.parts:
        return
    yield f"<h2>{say('parts')}</h2>"
    heads = ("file", "begins", "length", "size_px", "frame_rate", "audio", "size")
    yield _table(heads, map(_part, figures.parts), numbers={1, 2, 6})


def _part(part: SourcePart) -> list[str]:
    source = part.source
    if source is None or part.start_s is None or part.duration_s is None:
        return [escape(part.name), say("left_out"), *[_DASH] * 5]
    return [
        escape(part.name),
        clock_time(part.start_s),
        clock_time(part.duration_s),
        f"{source.video.width}x{source.video.height}" if source.video else _DASH,
        (escape(source.video.rate or "") or say("unknown")) if source.video else _DASH,
        _source_audio(source),
        _size(source.bytes) if source.bytes is not None else say("unknown"),
    ]


def _compare(figures: Figures) -> Iterator[str]:
    source = figures.source
    if source is None:
        return
    yield f"<h2>{say('compare')}</h2>"
    rows = list(_comparison(figures, source))
    yield _table(("", "source", "output"), rows, numbers=set())


def _comparison(figures: Figures, source: Source) -> Iterator[list[str]]:
    found_s = source.duration_s
    yield [say("container"), escape(source.container), "HLS, MPEG-TS"]
    if source.video and figures.rungs:
        yield from _compared_video(source.video, figures.rungs[0], figures.frame_rate)
    yield [
        say("length"),
        f"{found_s:.2f} s" if found_s is not None else say("unknown"),
        f"{figures.duration_s:.2f} s",
    ]
    yield [say("audio"), _source_audio(source), _output_audio(figures)]
    yield [
        say("size"),
        _size(source.bytes) if source.bytes is not None else say("unknown"),
        _size(figures.bytes),
    ]


def _compared_video(
    source: SourceVideo, top: Rendition, frame_rate: str | None
) -> Iterator[list[str]]:
    fields = f" {say('interlaced')}" if source.is_interlaced else ""
    rotated = f" ({say('rotation')} {source.rotation_deg}°)" if source.rotation_deg else ""
    size = f"{source.width}x{source.height}{rotated}{fields}"
    yield [say("size_px"), size, f"{top.width}x{top.height}"]
    yield [say("codec"), escape(source.codec), escape(top.codec or _DASH)]
    rate = f"{_number(frame_rate):.4g}" if frame_rate else say("unknown")
    yield [say("frame_rate"), escape(source.rate or "") or say("unknown"), rate]
    colors = escape(" ".join(filter(None, (source.pixel_format, source.color))))
    yield [say("color"), colors or say("unknown"), "yuv420p bt709 tv"]


def _source_audio(source: Source) -> str:
    if not source.audio_codec:
        return say("none")
    return f"{escape(source.audio_codec)}, {source.audio_channels} ch, {source.audio_rate_hz} Hz"


def _output_audio(figures: Figures) -> str:
    audio = figures.audio
    return f"{escape(audio.codec or '')}, {_rate(audio.average_bps)}" if audio else say("none")


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{rows}</dl>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: set[int]) -> str:
    def cell(tag: str, i: int, text: str) -> str:
        kind = ' class="n"' if i in numbers else ""
        return f"<{tag}{kind}>{text}</{tag}>"

    head = "".join(cell("th", i, say(key) if key else "") for i, key in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _key(kind: str, names: Iterable[str]) -> str:
    # The six colors of the plot, again from the first.
    items = "".join(
        f'<li class="{kind}{i % 6}"><span>{name}</span></li>' for i, name in enumerate(names)
    )
    return f'<ul class="key">{items}</ul>'


def _rate(bps: int | None) -> str:
    if bps is None:
        return _DASH
    return f"{bps / _MEGA:.2f} Mb/s" if bps >= _MEGA else f"{bps / 1000:.0f} kb/s"


def _size(count: int) -> str:
    return f"{count / _GIGA:.2f} GB" if count >= _GIGA else f"{count / _MEGA:.1f} MB"


def _number(rate: str) -> float:
    above, _, below = rate.partition("/")
    return float(above) / float(below or 1)


def _digest(text: str) -> str:
    """Name a text as a Content-Security-Policy does."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
