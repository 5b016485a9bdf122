"""A runbook's text: its steps, what is wrong in it, and how a step that asks is carried out."""
