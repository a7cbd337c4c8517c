"""Pages of HTML that need no network, no script and no other file: frame, tables and plots."""
