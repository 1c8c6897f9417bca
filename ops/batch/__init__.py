"""Batch jobs: build a request, read a job, its log and its status.json, follow it, explain its end.

May import: aws, console, options, names, errors.
"""
