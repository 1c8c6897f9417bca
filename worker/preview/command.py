"""The preview, step by step: options, folder, report or page, server."""

from __future__ import annotations

import signal
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from types import FrameType

from worker.errors import PUBLISHED, BadParametersError
from worker.layout import report_file
from worker.outcome import outcome_of
from worker.preview.decrypt import decrypted, find_obstacle
from worker.preview.folder import open_preview, read_folder, read_thumbnail
from worker.preview.options import PREVIEW, Options, parse_options
from worker.preview.page import make_assets
from worker.preview.serve import PreviewServer, Served
from worker.report.figures import Figures
from worker.report.messages import PAGE_TEXTS
from worker.report.render import render_page
from worker.storage.open import PublishedFolder


def preview(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Show a published folder, or write its report; return the exit status."""
    try:
        options = parse_options(arguments, environment)
        folder = open_preview(options)
        figures = read_folder(folder)
        if options.writes_report:
            _write_report(folder, figures)
        else:
            _serve(options, folder, figures)
    except Exception as error:  # noqa: BLE001 (each error gets its exit status, and no traceback)
        outcome = outcome_of(error)
        sys.stderr.write(f"{PREVIEW}: {outcome.message}\n")
        return outcome.exit_status
    return PUBLISHED


def _write_report(folder: PublishedFolder, figures: Figures) -> None:
    page = render_page(figures, read_thumbnail(folder))
    report = report_file(figures.run, page)
    folder.store.put(report)
    _print(f"{folder.name}/{report.key}")


def _serve(options: Options, folder: PublishedFolder, figures: Figures) -> None:
    obstacle, secret = None, options.key_secret
    if figures.encryption:
        obstacle = find_obstacle(figures.encryption, secret)
        if secret and not obstacle:
            folder = decrypted(folder, figures.run, figures.encryption, secret)
    if obstacle:
        sys.stderr.write(f"{PREVIEW}: {PAGE_TEXTS[obstacle][0]}\n")
    served = Served(folder=folder, assets=make_assets(figures, obstacle=obstacle))
    with _listen(options, served) as server:
        address = f"http://{options.host}:{server.server_address[1]}/"
        # Ctrl-C is the usual end, and SIGTERM ends it alike. Set, and not left as it was, because
        # a shell starts what is in the background with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            _print(f"{folder.name} is shown at {address} (Ctrl-C ends it)")
            if options.opens_browser:
                webbrowser.open(address)
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            _print("")


def _listen(options: Options, served: Served) -> PreviewServer:
    try:
        return PreviewServer((options.host, options.port), served)
    except OSError as error:
        raise BadParametersError(
            f"cannot listen on {options.host}:{options.port}: {error.strerror}; name another"
            " --port or --host"
        ) from error


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
