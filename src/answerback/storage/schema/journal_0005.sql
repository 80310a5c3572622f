-- Whose keys a person has compared, and which handles stand for another account than before.

CREATE TABLE verified (
    account BLOB PRIMARY KEY NOT NULL,
    how INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    device BLOB NOT NULL
) STRICT;

CREATE TABLE changes (
    handle TEXT PRIMARY KEY NOT NULL,
    before BLOB NOT NULL,
    after BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1))
) STRICT;
