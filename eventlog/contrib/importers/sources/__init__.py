"""The packages whose tables can be imported, one module for each."""
