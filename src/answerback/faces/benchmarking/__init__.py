"""The work that shows what a relay can carry: pairs, a backlog, a crowd, and silence."""
