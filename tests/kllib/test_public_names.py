"""What a user meets on importing the library: its names and their documentation."""

import dataclasses
import inspect

import pytest

import kllib

FUNCTIONS = [name for name in kllib.__all__ if inspect.isfunction(getattr(kllib, name))]
CLASSES = [name for name in kllib.__all__ if inspect.isclass(getattr(kllib, name))]


def test_public_names_are_unique_and_none_is_a_modules():
    assert len(set(kllib.__all__)) == len(kllib.__all__)
    assert not [name for name in kllib.__all__ if inspect.ismodule(getattr(kllib, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_gives_and_refuses(name):
    text = getattr(kllib, name).__doc__
    for heading in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"\n    {heading}\n    ---" in text, f"{name} has no section {heading}"
    assert ">>>" in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_documented(name):
    function = getattr(kllib, name)
    section = function.__doc__.split("    Parameters\n")[1].split("\n\n    Returns\n")[0]
    heads = [
        line.strip() for line in section.splitlines() if line.startswith("    ") and line[4] != " "
    ]
    named = {word.strip("* ") for head in heads for word in head.split(" : ")[0].split(",")}
    assert named - {""} >= set(inspect.signature(function).parameters), name


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_names_its_fields(name):
    kind = getattr(kllib, name)
    fields = getattr(kind, "_fields", None) or [field.name for field in dataclasses.fields(kind)]
    assert fields
    for field in fields:
        if not field.startswith("_"):
            assert field in kind.__doc__, f"{name}.{field} is not documented"
