"""A device with two paths, one of which dies under bulk, in virtual time."""
