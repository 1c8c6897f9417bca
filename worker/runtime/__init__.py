"""What the worker runs on: time, threads, child processes, the work folder, the machine.

The one module that starts processes is `child`. May import: errors.
"""
