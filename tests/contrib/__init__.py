"""Tests of the optional parts."""
