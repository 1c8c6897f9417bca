"""What the worker runs on: time, threads, child processes, their sandbox, the work folder.

The one module that starts processes is `child`. May import: errors.
"""
