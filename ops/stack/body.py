"""The template as CloudFormation gets it."""

from __future__ import annotations

from pathlib import Path

import yaml

from ops.names import TEMPLATE

# CloudFormation takes no larger template that is not in a bucket.
MAX_BODY_BYTES = 51_200
# What is shorter goes into one line, where it needs no indentation.
_LINE_CHARS = 300
_WIDEST = 100_000


def template_body(path: Path = TEMPLATE) -> str:
    """Return the template without comments, and with short collections in a line each.

    It says the same in fewer bytes. Blocks of text (user data, queries) stay as they are.
    """
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    if root is None:
        raise ValueError(f"{path} is empty")
    _flatten(root)
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper, width=_WIDEST, allow_unicode=True))


def _flatten(node: yaml.Node) -> int:
    """Set the style of collections; return how many characters a node takes in one line."""
    if not isinstance(node, yaml.CollectionNode):
        is_block = isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}
        return _WIDEST if is_block else len(node.value) + len(node.tag)
    children = [
        child for entry in node.value for child in (entry if isinstance(entry, tuple) else (entry,))
    ]
    size = sum(_flatten(child) for child in children)
    node.flow_style = size <= _LINE_CHARS
    return size
