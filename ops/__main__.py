"""Entry point of the operator commands: a command line in, an exit status out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from ops.aws import AWS_ERRORS, Aws, explain
from ops.commands import audit, deploy, jobs, keep, legacy, submit, verify
from ops.console import warn
from ops.errors import INTERRUPTED, OpsError, UsageError, internal
from ops.names import REGION

COMMANDS: dict[str, ModuleType] = {
    "deploy": deploy,
    "submit": submit,
    "jobs": jobs,
    "keep": keep,
    "verify": verify,
    "audit": audit,
    "legacy": legacy,
}


class _Parser(argparse.ArgumentParser):
    """Ends with 64 on a faulty command line: argparse's own 2 is not documented here."""

    def error(self, message: str) -> NoReturn:
        warn(f"{self.prog}: {message} (see --help)")
        self.exit(UsageError.exit_status)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    shared = _Parser(add_help=False)
    group = shared.add_argument_group("AWS")
    group.add_argument("--region", default=REGION, help="(default: %(default)s)")
    group.add_argument("--profile", help="profile of ~/.aws; default: as AWS configures it")
    group.add_argument(
        "--endpoint-url", metavar="URL", help="instead of AWS, such as a test server"
    )
    parser = _Parser(prog="python -m ops", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            prog=f"scripts/{name}",
            help=(module.__doc__ or "").strip(),
            description=module.__doc__,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[shared],
            allow_abbrev=False,
        )
        module.add_arguments(command)
    return parser


def main(words: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    arguments, unknown = build_parser().parse_known_args(words)
    if unknown:
        return _fail(arguments.command, UsageError(f"unknown arguments: {' '.join(unknown)}"))
    try:
        aws = Aws(
            region=arguments.region,
            profile=arguments.profile,
            endpoint_url=arguments.endpoint_url,
        )
        return int(COMMANDS[arguments.command].run(arguments, aws))
    except OpsError as error:
        return _fail(arguments.command, error)
    except AWS_ERRORS as error:
        return _fail(arguments.command, explain(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 (Python's own status for it, 1, would say drift)
        return _fail(arguments.command, internal(error))


def _fail(command: str, error: OpsError) -> int:
    warn(f"{command}: {error}")
    return error.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
