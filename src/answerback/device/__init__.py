"""One device: the shell around the engine."""
