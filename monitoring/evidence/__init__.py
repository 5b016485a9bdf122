"""Evidence: a check asks, keeps what it asked and got, and says ok, warning, failed or could not check."""
