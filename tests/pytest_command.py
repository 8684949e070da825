"""The arguments of Python that run pytest in a process of its own."""

# Without Hypothesis and without rewritten asserts, which both compile much code at run time:
# Python 3.11.7 sometimes refuses that ("AST constructor recursion depth mismatch",
# https://github.com/python/cpython/issues/106905).
PYTEST = [
    *("-m", "pytest", "-q", "--assert=plain"),
    *("-p", "no:cacheprovider", "-p", "no:hypothesispytest"),
]
