"""Measures how soon mail flows again after an outage, ours beside others, in virtual time."""
