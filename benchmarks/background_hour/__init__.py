"""What one hour in the background costs a device, piece by piece."""
