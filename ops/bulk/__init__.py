"""Thousands of uploads: read a list, check all of it, submit each row once, follow and report.

May import: batch, stack, aws, console, options, errors.
"""
