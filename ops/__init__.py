"""Operator commands: deploy the Batch system around the worker, submit jobs, inspect, verify.

Layers, top to bottom: `__main__` → `commands` → `bulk` → `legacy`, `keeper` → `batch`, `stack` →
`aws`, `console`, `options`, `names`, `errors`. Of the worker, only what describes a job and what
stores its results is imported: its options, locations, records, errors, log events, the digest of a
request, `storage`. Nothing here runs one.
"""
