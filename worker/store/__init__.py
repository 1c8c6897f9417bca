"""Object storage and other places of files: the one room that talks to them."""

from worker.store.base import BrokenOffError, RemoteFile, Store, StoredObject
from worker.store.https import HttpsSource
from worker.store.local import LocalStore, identify_file
from worker.store.s3 import S3Source, S3Store, make_client

__all__ = [
    "BrokenOffError",
    "HttpsSource",
    "LocalStore",
    "RemoteFile",
    "S3Source",
    "S3Store",
    "Store",
    "StoredObject",
    "identify_file",
    "make_client",
]
