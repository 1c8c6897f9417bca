"""Which locations the jobs of a stack may use: a job elsewhere fails after it has started."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws
from ops.stack.change_set import find_stack, parameters_of
from worker.config.location import Location, S3Location


@dataclass(frozen=True, kw_only=True, slots=True)
class StackBuckets:
    """The prefixes that the job role is for: read below `source`, write below `destination`."""

    source: S3Location
    destination: S3Location

    def outside(self, sources: Iterable[Location], destination: Location) -> Sequence[str]:
        """Return what a job may not use, as sentences."""
        problems = [
            f"SOURCE {source} is not below {self.source}, all that jobs may read"
            for source in sources
            if isinstance(source, S3Location) and not _is_below(source, self.source)
        ]
        if isinstance(destination, S3Location) and not _is_below(destination, self.destination):
            problems.append(
                f"DESTINATION {destination} is not below {self.destination}, all that jobs may"
                " write to"
            )
        return problems


def find_buckets(aws: Aws, stack: str) -> StackBuckets | None:
    """Read a stack's buckets; None where it has none, uses another store, or may not be read."""
    try:
        found = find_stack(aws, stack)
    except (BotoCoreError, ClientError):
        # Whoever submits need not be allowed to read stacks.
        return None
    values = parameters_of(found) if found else {}
    if values.get("StoreEndpoint") or "DestinationBucket" not in values:
        # The keys of that store say what may be used.
        return None
    return StackBuckets(
        source=_location(values, "Source"), destination=_location(values, "Destination")
    )


def _location(values: dict[str, str], kind: str) -> S3Location:
    return S3Location(bucket=values[f"{kind}Bucket"], key=values.get(f"{kind}Prefix", ""))


def _is_below(location: S3Location, prefix: S3Location) -> bool:
    # As IAM compares: the prefix ends as it is written.
    return location.bucket == prefix.bucket and location.key.startswith(prefix.key)
