"""Operator commands: deploy the Batch system around the worker, submit jobs, inspect, verify.

Layers, top to bottom: `__main__` → `commands` → `bulk` → `legacy`, `keeper`, `repair`,
`machines` → `audit` → `batch`, `stack`, `verify` → `aws`, `options` → `console`, `names`, `errors`.
Of the worker, what describes a job and what stores its results is imported (options, locations,
records, errors, log events, the digest of a request, `storage`), and for the audit what reads a
published folder.
Nothing here runs a job.
"""
