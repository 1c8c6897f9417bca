"""`python -m worker preview`: a published folder on loopback, with a player and a report."""
