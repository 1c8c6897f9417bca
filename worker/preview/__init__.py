"""`python -m worker preview`: a published folder on loopback, with a player and a report.

May import: publish, report, hls, storage, outcome, config, media, records, layout, errors.
"""
