"""What words of source text are coloured by; few kinds, so that colours stay apart and pages small."""

KINDS = ("", "k", "s", "c", "m", "nf", "nb", "nt", "cp", "gi", "gd")
"""By the index that `highlight_jobs.runs_of` gives: plain, keyword, string, comment, number, name that is defined,
built in, tag or attribute, instruction to a preprocessor, added, deleted. Their classes are `hl-<kind>`."""
