"""FFmpeg: the commands, built from a plan; running one; what its output means.

May import: plan, runtime, media, layout, errors.
"""
