"""Decisions, runbooks and their runs as pages show them."""
