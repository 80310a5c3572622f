"""A world that knows the truth: real agents and a real relay on simulated clocks, links and disks."""
