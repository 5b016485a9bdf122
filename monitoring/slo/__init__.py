"""The arithmetic of service levels: counts, budgets, burn, attribution. Pure: no database, no clock."""
