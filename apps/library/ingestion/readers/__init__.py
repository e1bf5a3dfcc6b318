"""One module per kind of file; base.py says what all of them give."""
