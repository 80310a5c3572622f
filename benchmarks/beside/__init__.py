"""Ours and other servers on the same work: what is run, how it is measured, and how it is told."""
