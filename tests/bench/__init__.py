"""Measures what a job costs and how good its output is; scripts/bench runs it."""
