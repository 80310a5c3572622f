"""Keys and sealing: libraries do the mathematics, the rest is our protocol."""
