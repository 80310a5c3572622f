"""The server: keeps envelopes it cannot open."""
