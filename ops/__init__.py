"""Operator commands: deploy, look at, verify and use the Batch system around the worker."""
