"""What a job reports while it runs: log lines, status.json, progress on a terminal, statistics.

May import: storage, plan, runtime, config, records, messages, media, errors.
"""
