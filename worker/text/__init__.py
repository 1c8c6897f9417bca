"""Subtitles and captions as an upload carries them: encodings, markup, times. Pure.

May import: hls, media.
"""
