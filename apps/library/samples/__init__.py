"""The sample documents of a new installation, and how they were made."""
