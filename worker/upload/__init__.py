"""Moves segments to the store: check, store, record, recall, verify; never encodes.

May import: hls, storage, plan, runtime, media, records, layout, errors.
"""
