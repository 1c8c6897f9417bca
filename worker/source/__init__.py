"""The source: fetched, probed, repaired, sampled, planned.

May import: ffmpeg, hls, storage, plan, runtime, config, media, errors.
"""
