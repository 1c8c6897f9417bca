"""What a source is: streams, packets, timeline, colors, languages. Pure: no I/O.

May import: nothing.
"""
