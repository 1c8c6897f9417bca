"""Subtitles and captions as uploads and files carry them: encodings, markup, times. Pure.

May import: hls, media.
"""
