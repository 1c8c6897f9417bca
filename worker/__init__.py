"""academy-video-worker: one lecture video in, published adaptive HLS out."""

__version__ = "0.1.0"
