"""What was published, shown to people: figures, plots and the page made of them. Pure: no I/O.

May import: records, messages, media, errors.
"""
