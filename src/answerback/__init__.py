"""The front door: what an application needs in order to send and to be answered."""
