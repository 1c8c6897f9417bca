"""Makes one file of a run's segments, for viewers who watch without a connection.

May import: ffmpeg, hls, storage, runtime, media, records, layout, errors.
"""
