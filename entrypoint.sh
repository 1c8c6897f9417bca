#!/usr/bin/env bash
# exec: the worker itself must get SIGTERM and give the exit status.
set -euo pipefail
cd "$(dirname "$0")"
exec python -m worker "$@"
