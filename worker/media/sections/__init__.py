"""Where the timestamps of a source restart or leap, and by how much its packets are moved."""
