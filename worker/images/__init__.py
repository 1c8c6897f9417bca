"""Images of a run: thumbnails, the storyboard, and the chapters that they show.

May import: ffmpeg, hls, storage, plan, runtime, media, records, layout, errors.
"""
