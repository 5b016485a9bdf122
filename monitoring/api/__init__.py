"""Alarms, series and objectives as JSON; read only."""
