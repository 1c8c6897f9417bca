"""A job's parameters: what they are, and how the command line and the environment give them.

May import: media, errors.
"""
