"""Speech: the filters that clean it, and those that measure what is to be cleaned. Pure."""
