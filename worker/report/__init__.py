"""What was published, shown to people: figures, plots and the page made of them.

May import: records, messages, media, layout.
"""
