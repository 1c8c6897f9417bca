"""The template that CloudFormation gets: the file without its comments."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ops.names import TEMPLATE
from ops.stack.body import MAX_BODY_BYTES, template_body
from tests.unit.ops.template import read_template


def test_it_says_the_same_without_comments(tmp_path: Path) -> None:
    body = template_body()
    assert len(body) < len(TEMPLATE.read_text())
    sent = tmp_path / "template.yaml"
    sent.write_text(body)
    template, faults = import_module("cfnlint.decode").decode(str(sent))
    assert faults == []
    assert template == read_template()


def test_a_block_of_text_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(
        "# of the file\na:\n  # of a\n  b: |\n    # kept\n\n    #!/bin/sh\n  c: !Sub\n    - ${x}\n"
        "    - x: !Ref AWS::Region\n"
    )
    assert template_body(file) == (
        "a:\n  b: |\n    # kept\n\n    #!/bin/sh\n  c: !Sub ['${x}', {x: !Ref 'AWS::Region'}]\n"
    )


def test_it_fits_into_a_request() -> None:
    """A larger one would have to be put into a bucket first."""
    assert len(template_body().encode()) <= MAX_BODY_BYTES
