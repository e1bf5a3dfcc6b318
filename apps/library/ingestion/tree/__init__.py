"""What an archive or a commit holds, which of it is read, and why the rest is not. No tables."""
