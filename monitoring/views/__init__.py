"""HTTP for monitoring: gate, parse, one domain call, render."""
