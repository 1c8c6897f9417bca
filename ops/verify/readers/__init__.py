"""What AWS says of each type of resource, in the template's own words.

`registry` holds the readers; importing a module adds its own. A type of the template that has none
fails a test.
"""
