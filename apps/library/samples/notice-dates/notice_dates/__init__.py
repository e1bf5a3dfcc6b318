"""When an office lease can end, and what ending it early costs."""
