"""Thousands of uploads: read a list, check all of it, submit each row once, follow and report.

May import: keeper, batch, stack, aws, console, options, errors.
"""
