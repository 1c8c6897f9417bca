"""Records that are written as JSON and read by others: manifest, checkpoint, status, callbacks.

Each is a pydantic model with a schema version; the worker, the operator's commands, the preview
and the report read and write it through this one model. May import: errors, layout.
"""
