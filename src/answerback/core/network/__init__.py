"""Senses the network: how good each path is, when it fails, and when to try again."""
