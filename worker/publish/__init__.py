"""Publishes a verified run: playlists, images, manifest, and the one PUT that viewers see.

May import: images, download, report, upload, hls, plan, storage, media, records, layout, errors.
"""
