"""The decisions: machines without a clock, a socket or a disk."""
