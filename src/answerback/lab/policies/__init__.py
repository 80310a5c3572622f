"""Plays ways to get back onto a network against each other: ours, what others do, and one that knows the future."""
