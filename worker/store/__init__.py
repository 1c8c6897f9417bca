"""Object storage and other places of files: the one room that talks to them."""

from worker.store.base import (
    BrokenOffError,
    ChangedMeanwhileError,
    Content,
    RemoteFile,
    Store,
    StoredObject,
)
from worker.store.https import HttpsSource
from worker.store.local import LocalStore, identify_file
from worker.store.s3 import S3Source, S3Store, make_client
from worker.store.steady import SteadyStore, ask, ask_again

__all__ = [
    "BrokenOffError",
    "ChangedMeanwhileError",
    "Content",
    "HttpsSource",
    "LocalStore",
    "RemoteFile",
    "S3Source",
    "S3Store",
    "SteadyStore",
    "Store",
    "StoredObject",
    "ask",
    "ask_again",
    "identify_file",
    "make_client",
]
