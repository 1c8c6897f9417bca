"""Self-healing: resubmits jobs whose outcome says so, lists what needs a person, cleans up.

What is decided is pure (`decide`), and made of what Batch and the store say. May import: batch,
aws, console, errors.
"""
