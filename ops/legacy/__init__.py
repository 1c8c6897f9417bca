"""The former system, SQS and an Auto Scaling group: what is left of it, and draining its queues.

May import: batch, aws, console, options, names, errors.
"""
