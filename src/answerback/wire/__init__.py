"""What device and relay, and device and device, say to each other, as bytes."""
