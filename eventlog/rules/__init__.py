"""Which requests are recorded, under which action, with which extra."""

from .deciding import compile_rule, deciding_rule
from .rule import KEYS, Rule
from .values import Answer

__all__ = ["KEYS", "Answer", "Rule", "compile_rule", "deciding_rule"]
