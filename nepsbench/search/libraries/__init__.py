"""Optimisers of other libraries, asked and told like our own; a module a library."""
