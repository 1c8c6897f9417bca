"""Audits what is published below a prefix: finds videos, and compares them with their records.

May import: console, errors.
"""
