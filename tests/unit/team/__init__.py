"""The machines that make one video together."""
