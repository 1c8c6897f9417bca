"""The machines that make one video together, with nothing in common but the store.

Shares, claims, heartbeats, who leads. May import: plan, storage, runtime, config, media, records,
errors, layout.
"""
