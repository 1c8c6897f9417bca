#!/bin/sh
# exec: the worker itself must get SIGTERM and give the exit status.
set -eu
# `keep` is the operator command that resubmits failed jobs: a schedule needs the image alone.
if [ "${1:-}" = keep ]; then
    exec python3 -m ops "$@"
fi
exec python3 -m worker "$@"
