"""Spoils small clips in many ways, and judges what the worker makes of them."""
