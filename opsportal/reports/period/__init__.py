"""The report of a period: one document for a platform or a service, live, then published as a frozen snapshot."""
