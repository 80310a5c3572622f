"""What people touch: the command line, the local interface of the agent, the sentences."""
