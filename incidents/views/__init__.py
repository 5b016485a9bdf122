"""HTTP of the incidents room: gate, parse, one domain call, render."""
