"""What people post about accounts, objectives, rules, probes and outside sources, parsed."""
