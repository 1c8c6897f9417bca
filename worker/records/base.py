"""What all records have in common."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError


class UnreadableRecordError(Exception):
    """The bytes are not a record of this kind and version; the message says why."""


class Record(BaseModel):
    """A JSON object with fixed fields; unknown is null.

    Fields that a newer worker added are ignored, so that an older reader still works.
    """

    _indent: ClassVar[int | None] = 1

    # Deferred: a job that is refused at once needs no manifest.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a record.

        Raises:
            UnreadableRecordError: it is not JSON, or not a record of this kind and version.

        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            # In a record of another version much may differ; the version is the reason.
            fault = min(faults, key=lambda each: each["loc"] != ("schema_version",))
            field = ".".join(map(str, fault["loc"]))
            raise UnreadableRecordError(f"{field or 'record'}: {fault['msg']}") from error

    def to_json(self) -> bytes:
        """Write the record as it is stored."""
        return self.model_dump_json(indent=self._indent).encode() + b"\n"
