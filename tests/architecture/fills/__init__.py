"""Rows for the pages whose queries are counted, so many as a count wants; each fill answers the page's address."""
