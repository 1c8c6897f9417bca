"""Decisions, made before anything runs: what is encoded, how, and what fits the time. Pure: no I/O.

May import: media, config, records, errors.
"""
