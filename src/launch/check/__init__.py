"""Everything wrong with a composed configuration, all at once, before torch is imported.

`problems(config)` lists it, `require(config)` raises it as one error, `warnings(config)` is what
is legal but seldom meant. The signature of what a node names is the schema of its arguments, read
from source without importing it; `settings` holds the schema of the rest.
"""

from launch.check.configuration import problems, require, warnings
from launch.check.nodes import Problem

__all__ = ["Problem", "problems", "require", "warnings"]
