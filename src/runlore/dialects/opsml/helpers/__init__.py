"""Helpers, under the module name that the original has."""
