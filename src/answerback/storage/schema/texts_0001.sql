-- What carriers of texts were asked to send and how far each is; what arrived by them and was not taken yet.

CREATE TABLE ledger (
    id BLOB NOT NULL
) STRICT;

INSERT INTO ledger VALUES (randomblob(16));

CREATE TABLE orders (
    carrier TEXT NOT NULL,
    number INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    digest BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    reason TEXT NOT NULL,
    said INTEGER NOT NULL,
    told INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    PRIMARY KEY (carrier, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_to_tell ON orders (carrier, number) WHERE said > told;

CREATE INDEX orders_unended ON orders (carrier, number) WHERE ended = 0;

CREATE TABLE parts (
    carrier TEXT NOT NULL,
    number INTEGER NOT NULL,
    part INTEGER NOT NULL,
    reference INTEGER NOT NULL,
    state INTEGER NOT NULL,
    id TEXT NOT NULL,
    tries INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (carrier, number, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE fragments (
    carrier TEXT NOT NULL,
    sender TEXT NOT NULL,
    reference INTEGER NOT NULL,
    total INTEGER NOT NULL,
    part INTEGER NOT NULL,
    text TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (carrier, sender, reference, total, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE arrivals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    carrier TEXT NOT NULL,
    sender TEXT NOT NULL,
    text TEXT NOT NULL,
    id BLOB NOT NULL
) STRICT;

-- Hashes of what was acknowledged: how a repetition by the network is told from the same words said twice.
CREATE TABLE acknowledged (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    carrier TEXT NOT NULL,
    hash BLOB NOT NULL,
    connection INTEGER NOT NULL,
    named INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX acknowledged_hash ON acknowledged (carrier, hash);
