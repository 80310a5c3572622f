"""Shows the main job on real input: a relay, two people with three devices, and a bad link."""
