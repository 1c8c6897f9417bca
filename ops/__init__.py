"""Operator commands: deploy the Batch system around the worker, submit jobs, inspect, verify.

Layers, top to bottom: `__main__` → `commands` → `legacy`, `keeper` → `batch`, `stack`, `verify` →
`aws`, `console`, `options`, `names`, `errors`. Of the worker, only what describes a job and what
stores its results is imported: its options, locations, records, errors, log events, `storage`.
Nothing here runs one.
"""
