"""Runs the encodes of a plan: which lane encodes what, what FFmpeg reports, what it failed to do.

May import: upload, ffmpeg, hls, monitoring, storage, plan, runtime, media, layout, errors.
"""
