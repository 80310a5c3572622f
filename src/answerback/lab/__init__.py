"""Bad links to try things on: a relay of bytes that is as slow, late and broken as the link it plays."""
