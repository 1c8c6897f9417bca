"""IAM actions: those that code calls, and those that a policy of the template grants."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

from ops.aws import Aws
from tests.architecture import modules

# boto3's names of services where IAM has others.
CLIENTS = {"lambdas": "lambda", "cloudwatch": "cloudwatch", "batch_once": "batch"}
# S3's calls are granted by the actions of what they read or write.
S3_ACTIONS = {
    "ListObjectsV2": {"ListBucket"},
    "HeadObject": {"GetObject"},
    "DeleteObjects": {"DeleteObject"},
    "CreateMultipartUpload": {"PutObject"},
    "UploadPart": {"PutObject"},
    "CompleteMultipartUpload": {"PutObject"},
}
_QUESTIONS = {"get_paginator", "get_waiter"}
# What a waiter asks.
_WAITERS = {"change_set_create_complete": "describe_change_set"}


def operations(service: str) -> Mapping[str, str]:
    """Map boto3's method names of a service to the API's names."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def called_through_aws(nodes: Iterable[ast.AST]) -> set[str]:
    """Return what is called as `aws.SERVICE.method(…)`, paginators and waiters included."""
    clients = {n for n, v in vars(Aws).items() if isinstance(v, cached_property)}
    found = set()
    for call in _calls(nodes):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Attribute) and owner.attr in clients:
            service = CLIENTS.get(owner.attr, owner.attr)
            known = operations(service)
            # Not `client.meta.events.register(…)`, which asks nobody.
            if (method := _method(call)) in known:
                found |= _actions(service, method, known)
    return found


def called_of(service: str, nodes: Iterable[ast.AST]) -> set[str]:
    """Return what is called of one service, on whatever object it is."""
    known = operations(service)
    return {
        action
        for call in _calls(nodes)
        if (method := _method(call)) in known
        for action in _actions(service, method, known)
    }


def read(paths: Iterable[Path]) -> list[ast.AST]:
    """Read files."""
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def reachable(module: str) -> list[ast.AST]:
    """Return the functions and classes of ops/ that a module of it uses, its own included.

    By name: a class with all its methods, and whatever else is at the top of the module.
    """
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in modules("ops").items()}
    seen: set[tuple[str, str]] = set()
    new = {(module, name) for name in _defined(trees[module])}
    while new:
        seen |= new
        new = {each for home, name in new for each in _used(trees, home, name)} - seen
    return [_defined(trees[home])[name] for home, name in seen]


def _defined(tree: ast.Module) -> dict[str, ast.AST]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds)}


def _used(trees: Mapping[str, ast.Module], home: str, name: str) -> Iterator[tuple[str, str]]:
    origins = {n: (home, n) for n in _defined(trees[home])}
    for node in ast.walk(trees[home]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ops."):
            there = str(node.module).removeprefix("ops.")
            origins |= {a.name: (there, a.name) for a in node.names if there in trees}
    for node in ast.walk(_defined(trees[home])[name]):
        if isinstance(node, ast.Name) and node.id in origins:
            module, function = origins[node.id]
            if function in _defined(trees[module]):
                yield module, function


def granted(policies: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the actions of policy documents."""
    found: set[str] = set()
    for policy in policies:
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    for tree in nodes:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield node


def _method(call: ast.Call) -> str:
    """Return the method's name; of `get_paginator("x")` x."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    first = call.args[0] if call.args else None
    if call.func.attr in _QUESTIONS and isinstance(first, ast.Constant):
        return _WAITERS.get(str(first.value), str(first.value))
    return call.func.attr


def _actions(service: str, method: str, known: Mapping[str, str]) -> set[str]:
    name = known[method]
    return {f"{service}:{each}" for each in (S3_ACTIONS.get(name, {name}))}
