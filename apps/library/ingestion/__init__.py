"""Bytes to pages: guarded, sandboxed, without the ORM (README.md beside this file)."""
