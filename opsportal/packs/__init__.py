"""A platform's policy as reviewed files: load, validate, compare, apply, export."""
