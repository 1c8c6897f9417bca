"""The options of the stores in which a source and a destination are."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr

from worker.config.option import secret, variable

REGION = r"^[a-z0-9-]{2,32}$"


class StoreOptions(BaseModel):
    """Endpoints, regions and keys: of both stores, or of each."""

    s3_endpoint: str | None = variable(
        None,
        changes_output=False,
        metavar="URL",
        pattern=r"^https?://[^/\s]+/?$",
        description="URL of an S3-compatible store (R2, MinIO, Ceph, …), for source and destination"
        " alike; default: AWS",
    )
    s3_region: str | None = variable(
        None,
        changes_output=False,
        metavar="REGION",
        pattern=REGION,
        description="region of the buckets (R2: auto); default: that of AWS",
    )
    s3_access_key_id: SecretStr | None = secret(
        description="key of the store, where it is not AWS's; without it AWS's own credentials are"
        " used (a role, a profile)",
    )
    s3_secret_access_key: SecretStr | None = secret(
        description="the secret of that key",
    )
    source_s3_endpoint: str | None = variable(
        None,
        changes_output=False,
        metavar="URL",
        pattern=r"^(aws|https?://[^/\s]+/?)$",
        description="where the source is, if not in the destination's store: a URL, or aws; the"
        " credentials of the destination are not used for it",
    )
    source_s3_region: str | None = variable(
        None,
        changes_output=False,
        metavar="REGION",
        pattern=REGION,
        description="region of the source's bucket, if it is another one",
    )
    source_s3_access_key_id: SecretStr | None = secret(
        description="key of the source's store, if it is another one",
    )
    source_s3_secret_access_key: SecretStr | None = secret(
        description="the secret of that key",
    )
