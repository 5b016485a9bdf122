"""Deployments as their tools tell of them: one pure parser a file, any bytes become deployments or a ParseError."""
