"""Plays a network packet by packet, between namespaces of this machine or in virtual time."""
