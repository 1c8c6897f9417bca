"""Plans the jobs that make damaged videos again, with the options they were made with.

May import: audit, batch, aws, errors.
"""
