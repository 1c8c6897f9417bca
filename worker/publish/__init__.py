"""Publishes a verified run: playlists, images, manifest, and the one PUT that viewers see.

May import: images, report, upload, hls, storage, plan, media, records, layout,
errors.
"""
