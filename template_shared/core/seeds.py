"""Example data for development: every module called `seed` has a function of that name, which adds some."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from typing import Any


def find(package: str) -> Iterator[Callable[..., Any]]:
    """Yield the function `seed` of each package below `package` that has a module of that name."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        parent, _, name = module.name.rpartition(".")
        if name == "seed" and parent != f"{package}.core":
            yield importlib.import_module(module.name).seed


def refuse_production(environment: str) -> None:
    """End the process where the data is real."""
    if environment == "production":
        sys.exit("ENVIRONMENT: example data is for development only")
