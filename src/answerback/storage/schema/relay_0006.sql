-- Handles that another account has proven, on their way there; what the accounts concerned are to be told; and handles
-- whose account has objected, which do not move for a while.

CREATE INDEX handles_by_account ON handles (account);

CREATE TABLE handle_moves (
    handle TEXT NOT NULL PRIMARY KEY,
    holder BLOB NOT NULL CHECK (length(holder) = 16),
    claimant BLOB NOT NULL CHECK (length(claimant) = 16),
    due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX handle_moves_by_claimant ON handle_moves (claimant);
CREATE INDEX handle_moves_by_end ON handle_moves (due_ms);

CREATE TABLE handle_notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account BLOB NOT NULL,
    handle TEXT NOT NULL,
    state INTEGER NOT NULL,
    other BLOB NOT NULL, -- the account on the other side of the move; empty where there is none
    at_ms INTEGER NOT NULL, -- when it became so; of what is still to come, when it will
    made_ms INTEGER NOT NULL,
    UNIQUE (account, handle)
) STRICT;
CREATE INDEX handle_notices_by_age ON handle_notices (made_ms);

CREATE TABLE handle_locks (
    handle TEXT NOT NULL PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX handle_locks_by_end ON handle_locks (until_ms);
