"""The one-command stack: bootstrap, supervisor, embedded services, simulated AWS and demo."""
