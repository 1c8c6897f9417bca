"""The machines that make one video together: shares, claims, heartbeats, who leads. The store is
all that they have in common.

May import: hls, plan, storage, runtime, media, records, errors, layout.
"""
