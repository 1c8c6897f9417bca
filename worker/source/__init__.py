"""The source: fetched, probed, repaired, sampled, planned.

May import: text, ffmpeg, hls, storage, plan, runtime, config, media, errors.
"""
