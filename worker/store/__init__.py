"""Object storage and other places of files: the one room that talks to them.

`store.s3` and `store.https` are imported where they are used: boto3 takes a third of a second.
"""

from worker.store.base import (
    BrokenOffError,
    ChangedMeanwhileError,
    Content,
    RemoteFile,
    Store,
    StoredObject,
)
from worker.store.local import LocalFile, LocalStore, identify_file
from worker.store.steady import SteadyStore, ask, ask_again

__all__ = [
    "BrokenOffError",
    "ChangedMeanwhileError",
    "Content",
    "LocalFile",
    "LocalStore",
    "RemoteFile",
    "SteadyStore",
    "Store",
    "StoredObject",
    "ask",
    "ask_again",
    "identify_file",
]
