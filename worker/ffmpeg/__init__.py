"""FFmpeg: the commands, built from a plan; running one; what its output means.

May import: hls, plan, runtime, media, layout, errors.
"""
