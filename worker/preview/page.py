"""The preview's page and its parts, as they are served."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template

from worker.errors import BadEnvironmentError
from worker.layout import MASTER, THUMBNAIL
from worker.media.timeline import clock_time
from worker.preview.serve import MEDIA, Assets
from worker.report.figures import Figures
from worker.report.messages import PAGE_TEXTS, say
from worker.report.render import asset, render_report

PLAYER = "player/hls.min.js"


def make_assets(figures: Figures, *, obstacle: str | None = None) -> Assets:
    """Make everything that is served beside the published files.

    `obstacle` names the text that says why nothing is played.

    Raises:
        BadEnvironmentError: the player is missing.

    """
    here = files("worker.preview")
    try:
        player = (here / PLAYER).read_bytes()
    except OSError as error:
        raise BadEnvironmentError(
            f"the player is missing (worker/preview/{PLAYER}); run scripts/setup --preview"
        ) from error
    return {
        "/": ("html", render_preview(figures, obstacle=obstacle).encode()),
        "/assets/hls.min.js": ("js", player),
        "/assets/preview.js": ("js", (here / "preview.js").read_bytes()),
        "/assets/preview.css": ("css", (here / "preview.css").read_bytes()),
        "/assets/language.js": ("js", asset("language.js").encode()),
        "/assets/report.css": ("css", asset("report.css").encode()),
    }


def render_preview(figures: Figures, *, obstacle: str | None = None) -> str:
    """Render the page: the player with its data, and the report."""
    page = Template((files("worker.preview") / "preview.html").read_text(encoding="utf-8"))
    audio = figures.audio
    return page.substitute(
        {f"say_{key}": say(key) for key in PAGE_TEXTS},
        title=escape(figures.title),
        master=MEDIA + MASTER,
        poster=MEDIA + THUMBNAIL,
        duration=f"{figures.duration_s:.3f}",
        length=clock_time(figures.duration_s),
        audio=MEDIA + audio.playlist if audio else "",
        obstacle=f'<p id="locked" class="warned">{say(obstacle)}</p>' if obstacle else "",
        storyboard=escape(MEDIA + figures.storyboard) if figures.storyboard else "",
        ticks="".join(f'<i data-at="{c.start_s:.3f}"></i>' for c in figures.chapters),
        chapters=_chapters(figures),
        thumbnails=_thumbnails(figures),
        report=render_report(figures),
    )


def _chapters(figures: Figures) -> str:
    if not figures.chapters:
        return ""
    rows = "".join(
        f'<li><button data-seek="{chapter.start_s:.3f}"><span class="faint">'
        f"{clock_time(chapter.start_s)}</span> {escape(chapter.title)}</button></li>"
        for chapter in figures.chapters
    )
    return f'<h2>{say("chapters")}</h2><ol class="chapters">{rows}</ol>'


def _thumbnails(figures: Figures) -> str:
    if not figures.thumbnails:
        return ""
    images = "".join(
        f'<li><img alt="" loading="lazy" src="{escape(MEDIA + key)}"></li>'
        for key in figures.thumbnails
    )
    return f'<h2>{say("thumbnails")}</h2><ul class="thumbnails">{images}</ul>'
