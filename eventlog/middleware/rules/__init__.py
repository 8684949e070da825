"""Rules that select the requests to record, and set their action and extra."""

from .rule import KEYS, Rule
from .selection import compile_rule, select_rule
from .validators import OptionalResponse

__all__ = ["KEYS", "OptionalResponse", "Rule", "compile_rule", "select_rule"]
