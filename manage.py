#!/usr/bin/env python
"""Django's command line for this installation; it finds the data folder and its secrets by itself."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # As in every process of ours: files it makes are the operator's alone, no byte code beside the sources.
    os.umask(0o077)
    sys.dont_write_bytecode = True
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")
    execute_from_command_line(sys.argv)
