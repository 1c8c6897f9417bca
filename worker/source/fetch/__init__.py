"""Fetches a source to disk: the whole, or only the bytes that some spans need."""
