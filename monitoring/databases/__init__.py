"""A platform's own PostgreSQL, asked by SQL that only reads: the questions, how answers are judged, the asking."""
