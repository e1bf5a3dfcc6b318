"""Bytes of one file of a repository to pages: decoded, secrets masked, cut, counted. No tables, no archive."""

CUTTING_VERSION = 1
"""Raise it when the same bytes would become other pages: then no earlier reading is copied."""
