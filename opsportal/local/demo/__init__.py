"""The demo's people, accounts, past and present, all made through the portal's own services."""
