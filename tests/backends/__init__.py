"""Tests of ``eventlog.backends``, in modules that mirror the package."""
