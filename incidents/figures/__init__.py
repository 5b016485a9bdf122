"""What the record says in numbers, and over which span of time. Pure: no I/O, no Django."""
