"""One module per command: its arguments, what it does, its exit status.

May import: audit, repair, bulk, machines, batch, stack, verify, legacy, keeper, aws, console,
options, names, errors.
No command imports another.
"""
