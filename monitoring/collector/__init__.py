"""Reading AWS into our rows: metrics by period, history, resources. Safe to kill and to run twice."""
