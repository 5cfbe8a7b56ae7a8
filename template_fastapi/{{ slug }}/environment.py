"""Environment variables of this service: one typed field per variable, with its name in lower case.

`python -m <package>.environment` checks the variables and exits.
"""

from .core.environment import CoreEnvironment, load


class Environment(CoreEnvironment):
    """Add your own fields here; a default makes a variable optional."""


environment = load(Environment)
