"""What changes monitoring's rows. Keyword-only, `by` and `at` passed in, audit in the same transaction."""
