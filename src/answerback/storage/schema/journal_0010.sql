-- The relay's log as far as it was proven, and what proves that the relay has shown something else.

CREATE TABLE log (
    number INTEGER PRIMARY KEY NOT NULL CHECK (number = 1),
    head_body BLOB NOT NULL,
    head_signature BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    read_size INTEGER NOT NULL, -- -1: nothing was read yet
    frontier BLOB NOT NULL -- hashes, one behind the other
) STRICT;

CREATE TABLE log_labels (
    handle TEXT PRIMARY KEY NOT NULL,
    label BLOB NOT NULL
) STRICT;

CREATE TABLE log_evidence (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    cause TEXT NOT NULL,
    account BLOB, -- NULL: it concerns nobody else
    ours_body BLOB, -- NULL: nothing of ours is needed to see it
    ours_signature BLOB, -- NULL with the body
    theirs_body BLOB, -- NULL: the relay had nothing to show
    theirs_signature BLOB, -- NULL with the body
    wall_ms INTEGER NOT NULL
) STRICT;
