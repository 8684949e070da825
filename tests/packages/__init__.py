"""Tests with the real packages that eventlog works with, in a tox environment of their own."""
