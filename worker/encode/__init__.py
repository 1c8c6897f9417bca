"""Runs the encodes of a plan: which lane encodes what, what FFmpeg reports, what it failed to do.

With a team: what this machine encodes of it. May import: team, upload, ffmpeg, hls, monitoring,
storage, plan, runtime, media, records, layout, errors.
"""
