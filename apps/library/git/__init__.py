"""Commits of git repositories, fetched over https into plain tars. Nothing is ever checked out."""
