"""Makes one file that runs through of what restarts, leaps, or is several files put end to end."""
