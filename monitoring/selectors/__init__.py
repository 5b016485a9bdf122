"""Reads for pages, API and reports."""
