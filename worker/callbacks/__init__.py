"""Callbacks: reports to the backend how the job stands, by signed POSTs.

Nothing in it decides how a job ends. May import: storage, runtime, config, records, layout, errors.
"""
