"""The environment variables of this service: one typed field a variable, named like it in lower case.

Start with ``python -m`` on this module to only check them.
"""

from .core.environment import DjangoEnvironment, load


class Environment(DjangoEnvironment):
    """Add your own fields here; a default makes a variable optional."""


environment = load(Environment)
