"""HTTP of the knowledge room: gate, parse, one domain call, render."""
