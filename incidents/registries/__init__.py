"""What the rooms above register here: they know this room, it does not know them."""
