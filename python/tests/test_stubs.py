"""The stubs of the native module have the names and parameters of the module."""

from __future__ import annotations

import ast
import inspect
import types
from pathlib import Path
from typing import Any

import pytest

from contexta import _native

STUBS = ast.parse(Path(_native.__file__).with_name("_native.pyi").read_text("utf-8"))


def parameters(function: ast.FunctionDef) -> list[tuple[str, bool]]:
    """Returns the names of the parameters of a stub, and whether they have a default."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [False] * (len(positional) - len(given.defaults)) + [True] * len(given.defaults)
    found = [(argument.arg, has) for argument, has in zip(positional, defaults, strict=True)]
    found += [(a.arg, d is not None) for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return [one for one in found if one[0] not in ("self", "cls")]


def own(function: Any) -> list[tuple[str, bool]]:
    """Returns the names of the parameters of a native function, and whether they have a default."""
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.default is not inspect.Parameter.empty) for one in found if one.name != "self"]


def members(kind: type) -> set[str]:
    """Returns the names of the methods and properties of a native class."""
    return {name for name in vars(kind) if not name.startswith("_")}


FUNCTIONS = [node for node in STUBS.body if isinstance(node, ast.FunctionDef)]
CLASSES = [node for node in STUBS.body if isinstance(node, ast.ClassDef)]


def test_module_has_the_names_of_the_stubs() -> None:
    stubbed = {node.name for node in [*FUNCTIONS, *CLASSES]}
    native = {name for name, value in vars(_native).items() if isinstance(value, (type, types.BuiltinFunctionType))}
    assert stubbed == {name for name in native if not name.startswith("_")}


@pytest.mark.parametrize("node", FUNCTIONS, ids=lambda node: node.name)
def test_function(node: ast.FunctionDef) -> None:
    assert own(getattr(_native, node.name)) == parameters(node)


@pytest.mark.parametrize("node", CLASSES, ids=lambda node: node.name)
def test_class(node: ast.ClassDef) -> None:
    kind = getattr(_native, node.name)
    methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
    attributes = {one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)}
    public = {name for name in methods if not name.startswith("_")}
    assert public | attributes == members(kind)
    for name, method in methods.items():
        is_property = any(isinstance(one, ast.Name) and one.id == "property" for one in method.decorator_list)
        if not is_property and not name.startswith("_"):
            assert own(getattr(kind, name)) == parameters(method), name
