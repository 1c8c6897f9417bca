"""Publishes a verified run: playlists, images, manifest, and the one PUT that viewers see.

May import: images, report, upload, hls, storage, media, records, layout, errors.
"""
