"""The record outside the portal: as Markdown, tables, data and calendars, for people inside and for the public."""
