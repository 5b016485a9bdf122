"""What people type, parsed; one module for each kind of page."""
