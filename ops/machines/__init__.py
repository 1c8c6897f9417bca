"""One video on several machines: how many are enough for a given time, and what they cost.

May import: batch, aws, console, errors.
"""
