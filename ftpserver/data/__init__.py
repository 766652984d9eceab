"""The data connection: where it comes from, what protects it, and the movers of bytes. Nothing here knows a path."""
