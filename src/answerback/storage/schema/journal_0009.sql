-- What goes beside the road to the relay: what people chose and agreed to, what carriers were given, what they brought.

CREATE TABLE fallbacks (
    account BLOB PRIMARY KEY NOT NULL,
    handle TEXT NOT NULL,
    carrier TEXT NOT NULL,
    choice TEXT NOT NULL,
    after_s REAL NOT NULL,
    file_noted INTEGER NOT NULL CHECK (file_noted IN (0, 1))
) STRICT;

-- Every yes that was ever given, also after it was taken back.
CREATE TABLE consents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account BLOB NOT NULL,
    handle TEXT NOT NULL,
    carrier TEXT NOT NULL,
    price TEXT NOT NULL,
    wording INTEGER NOT NULL,
    given_by TEXT NOT NULL,
    given_ms INTEGER NOT NULL,
    withdrawn_ms INTEGER NOT NULL,
    UNIQUE (account, carrier, given_ms)
) STRICT;

-- `number` is the carrier's name for an order, made from what it is; `place` is the order in which they were made.
CREATE TABLE texts (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL UNIQUE,
    message BLOB NOT NULL,
    account BLOB NOT NULL,
    handle TEXT NOT NULL,
    carrier TEXT NOT NULL,
    confirms INTEGER NOT NULL CHECK (confirms IN (0, 1)),
    stage INTEGER NOT NULL,
    reason TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    price TEXT NOT NULL,
    agreed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX texts_by_message ON texts (message);

CREATE TABLE text_steps (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    evidence INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX text_steps_by_number ON text_steps (number, place);

CREATE TABLE private_messages (
    message BLOB PRIMARY KEY NOT NULL
) STRICT;

CREATE TABLE text_arrivals (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    account BLOB NOT NULL,
    message BLOB NOT NULL,
    carrier TEXT NOT NULL,
    tag TEXT NOT NULL,
    likeness BLOB NOT NULL,
    merged INTEGER NOT NULL CHECK (merged IN (0, 1)),
    arrived_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX text_arrivals_by_message ON text_arrivals (message);
