#!/bin/sh
# exec: the worker itself must get SIGTERM and give the exit status.
set -eu
exec python3 -m worker "$@"
