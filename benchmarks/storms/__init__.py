"""A crowd that returns at once: over real sockets, in virtual time, and what a handshake costs."""
