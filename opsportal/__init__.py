"""The operations portal; this file imports nothing, so that the bootstrap runs on a bare Python."""
