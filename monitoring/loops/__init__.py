"""Work that PostgreSQL alone drives: watching our own eyes, judging what came in, asking health."""
