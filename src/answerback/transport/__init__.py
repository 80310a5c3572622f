"""How bytes leave and enter."""
