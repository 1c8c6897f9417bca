"""HLS: what is in a segment, and the playlists of a run. Pure: no I/O.

EXT-X tags are rendered in `playlist`. May import: plan, config, media, records, layout, errors.
"""
