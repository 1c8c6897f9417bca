"""The command line of `python -m worker preview`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.config.job import AWS_REGION
from worker.config.location import HttpsLocation, LocalLocation, S3Location, parse_location
from worker.config.option import variable_name
from worker.config.values import StoreKeys, keys_in
from worker.errors import BadParametersError

PREVIEW = "preview"
LOOPBACK = "127.0.0.1"
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to show, and where; `writes_report`: write report.html instead of serving."""

    location: LocalLocation | S3Location
    host: str
    port: int
    opens_browser: bool
    writes_report: bool
    s3_endpoint: str | None
    s3_region: str | None
    keys: StoreKeys | None
    key_secret: str | None = field(repr=False)


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read the words after `preview`; endpoint and region may come from a job's environment.

    Raises:
        BadParametersError: they cannot be used.
        SystemExit: after `--help`.

    """
    parser = build_parser()
    try:
        given, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise _unusable(str(error)) from error
    if names := [word.partition("=")[0] for word in unknown if word.startswith("-")]:
        raise _unusable(f"unknown options: {' '.join(names)}")
    if unknown or not given.location:
        raise _unusable("name one folder: DIR or s3://bucket/prefix")
    if not 0 <= given.port <= _HIGHEST_PORT:
        raise _unusable(f"there is no port {given.port}")
    return Options(
        location=_location(given.location),
        host=given.host,
        port=given.port,
        opens_browser=given.open,
        writes_report=given.report,
        s3_endpoint=given.s3_endpoint or environment.get(variable_name("s3_endpoint")) or None,
        s3_region=given.s3_region
        or environment.get(variable_name("s3_region"))
        or environment.get(variable_name("aws_region"))
        or environment.get(AWS_REGION)
        or None,
        keys=keys_in(environment),
        key_secret=environment.get(variable_name("key_secret")) or None,
    )


def _location(text: str) -> LocalLocation | S3Location:
    try:
        location = parse_location(text)
    except ValueError as error:
        raise _unusable(str(error)) from error
    if isinstance(location, HttpsLocation) or (
        isinstance(location, S3Location) and not location.key
    ):
        raise _unusable("name a local folder or s3://bucket/prefix")
    return location


def _unusable(why: str) -> BadParametersError:
    return BadParametersError(f"{why} (see `python -m worker {PREVIEW} --help`)")


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the words after `preview`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m worker {PREVIEW}",
        description="Serve a published folder on this machine, with a player and a report of what"
        " was published and how. Ctrl-C ends it. An encrypted video is decrypted with the secret in"
        f" {variable_name('key_secret')}.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "location",
        metavar="DIR|s3://…",
        nargs="?",
        help="the destination of a job that has published",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free)")
    parser.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help=f"address to listen on (default: {LOOPBACK}: this machine alone; 0.0.0.0 lets"
        " everybody on the network watch)",
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument(
        "--report",
        action="store_true",
        help="write report.html, one file that needs nothing else, into the run, and stop",
    )
    parser.add_argument(
        "--s3-endpoint",
        metavar="URL",
        help=f"an S3-compatible store (or {variable_name('s3_endpoint')}; default: AWS)",
    )
    parser.add_argument(
        "--s3-region",
        metavar="REGION",
        help=f"region of the bucket (or {variable_name('s3_region')})",
    )
    return parser
