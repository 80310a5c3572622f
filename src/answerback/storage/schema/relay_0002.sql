-- Accounts, one-time codes, invitations and blobs of a relay.

CREATE TABLE handles (
    handle TEXT NOT NULL PRIMARY KEY,
    account BLOB NOT NULL CHECK (length(account) = 16),
    claimed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest code of a handle. `used_by` is empty until it made an account: then the same request, sent again because
-- its answer was lost, may be answered again, and nobody else's.
CREATE TABLE codes (
    handle TEXT NOT NULL PRIMARY KEY,
    mac BLOB NOT NULL,
    issued_ms INTEGER NOT NULL,
    wrong_tries INTEGER NOT NULL,
    used_by BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE codes_sent (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL,
    sent_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX codes_sent_by_handle ON codes_sent (handle, sent_ms);
CREATE INDEX codes_sent_by_age ON codes_sent (sent_ms);

CREATE TABLE invitations (
    token_hash BLOB NOT NULL PRIMARY KEY,
    uses_left INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    device BLOB NOT NULL,
    total_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL CHECK (stored_bytes BETWEEN 0 AND total_bytes),
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX blobs_by_device ON blobs (device);
CREATE INDEX blobs_by_age ON blobs (expires_ms);

-- A piece's bytes are on the disk under `name` before its row is.
CREATE TABLE pieces (
    blob INTEGER NOT NULL REFERENCES blobs (number) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    name TEXT NOT NULL,
    PRIMARY KEY (blob, start)
) STRICT, WITHOUT ROWID;

-- What the health check writes, and reads again.
CREATE TABLE pulse (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    beat BLOB NOT NULL
) STRICT;
