"""The portal's own probes (M-MET-15): what is asked, what the last answers mean. No rows here."""
