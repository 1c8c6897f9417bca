"""What an option of a job is, beside its type: the one source of everything that lists options.

The command line, the environment, `scripts/submit`, the job definition's parameters, the digest of
a request and the table in docs/job-parameters.md are derived from the fields of `worker.config.job`
through `options_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

ENVIRONMENT_PREFIX = "WORKER_"
_KEY = "option"


class GivenBy(StrEnum):
    """Who gives an option, and how it reaches the container."""

    PARAMETER = "parameter"
    """A submission, as a parameter of the job definition (`Ref::name`)."""
    VARIABLE = "variable"
    """A submission, as an environment variable of its container."""
    MACHINE = "machine"
    """The image, the job definition or the person at the machine; never a submission."""
    SECRETS = "secrets"
    """The environment alone, which a job definition's `secrets` fill; the rest others may read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One field of a job. `metavar` stands for its value; `default` is as a person writes it.

    `changes_output`: the same source with another value is another video, so the value is part of
    the request's digest. `is_repeatable`: it may be given several times, and its variable holds one
    value per line.
    """

    field: str
    given_by: GivenBy
    changes_output: bool
    metavar: str
    help: str
    default: str
    is_flag: bool
    is_repeatable: bool

    @property
    def name(self) -> str:
        """Name on the command line."""
        return option_name(self.field)

    @property
    def variable(self) -> str:
        """Name in the environment."""
        return variable_name(self.field)

    @property
    def parameter(self) -> str:
        """Name as a Batch parameter."""
        return parameter_name(self.field)


def parameter(default: Any = ..., *, changes_output: bool, **field: Any) -> Any:  # noqa: ANN401 (as pydantic's Field)
    """Declare an option that a submission gives as a parameter of the job definition."""
    return _declare(default, given_by=GivenBy.PARAMETER, changes_output=changes_output, **field)


def variable(default: Any = ..., *, changes_output: bool, **field: Any) -> Any:  # noqa: ANN401 (as pydantic's Field)
    """Declare an option that a submission gives as a variable of its container."""
    return _declare(default, given_by=GivenBy.VARIABLE, changes_output=changes_output, **field)


def machine_setting(default: Any = ..., **field: Any) -> Any:  # noqa: ANN401 (as pydantic's Field)
    """Declare an option that no submission gives; it never changes the output."""
    return _declare(default, given_by=GivenBy.MACHINE, changes_output=False, **field)


def secret(**field: Any) -> Any:  # noqa: ANN401 (as pydantic's Field)
    """Declare an option that only the environment gives, and that nothing prints."""
    return _declare(None, given_by=GivenBy.SECRETS, changes_output=False, metavar="", **field)


def _declare(
    default: Any,  # noqa: ANN401 (of whatever type the field is)
    *,
    given_by: GivenBy,
    changes_output: bool,
    metavar: str | None = None,
    **field: Any,
) -> Any:  # noqa: ANN401 (as pydantic's Field)
    extra: JsonDict = {
        "given_by": given_by,
        "changes_output": changes_output,
        "metavar": metavar,
    }
    if "default_factory" not in field:
        field["default"] = default
    return Field(json_schema_extra={_KEY: extra}, **field)


@cache
def options_of(job: type[BaseModel]) -> tuple[Option, ...]:
    """Return all options of a job, in the order of its fields."""
    return tuple(_options(job.model_fields))


def _options(fields: Mapping[str, FieldInfo]) -> Iterator[Option]:
    for name, field in fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, dict) or not isinstance(extra.get(_KEY), dict):
            raise TypeError(
                f"{name} is not declared with parameter(), variable() or machine_setting()"
            )
        declared: Any = extra[_KEY]
        choices = ",".join(map(str, get_args(field.annotation)))
        is_flag = field.annotation is bool
        yield Option(
            field=name,
            given_by=declared["given_by"],
            changes_output=declared["changes_output"],
            metavar=declared["metavar"] or ("BOOL" if is_flag else "{" + choices + "}"),
            help=field.description or "",
            default=_shown(field),
            is_flag=is_flag,
            is_repeatable=get_origin(field.annotation) is tuple,
        )


def _shown(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, ()) or field.default is PydanticUndefined:
        return ""
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def changed_options(job: BaseModel) -> dict[str, Any]:
    """Return the options that change the output, where they are not at their defaults.

    An option that is added later, and not given, leaves the digests of earlier requests as they
    were. Whoever changes a default raises `PLAN_VERSION`.
    """
    fields = type(job).model_fields
    return {
        option.field: getattr(job, option.field)
        for option in options_of(type(job))
        if option.changes_output and getattr(job, option.field) != fields[option.field].default
    }


def join_values(values: Iterable[str]) -> str:
    """Write the values of a repeatable option as one text, as its variable holds them."""
    return "\n".join(values)


def split_values(value: object) -> object:
    """Read the values of a repeatable option from one text; empty ones count as not given."""
    if not isinstance(value, str):
        return value
    return [text for line in value.split("\n") if (text := line.strip())]


def option_name(field: str) -> str:
    """Command-line name of a field: `time_limit_s` → `--time-limit`."""
    return "--" + parameter_name(field).replace("_", "-")


def variable_name(field: str) -> str:
    """Environment variable of a field: `time_limit_s` → `WORKER_TIME_LIMIT`."""
    return ENVIRONMENT_PREFIX + parameter_name(field).upper()


def parameter_name(field: str) -> str:
    """Batch parameter of a field, without a unit of seconds: `time_limit_s` → `time_limit`."""
    return field.removesuffix("_s")
