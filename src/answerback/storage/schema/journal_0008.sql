-- How this device's registration stands; and which sessions are not sealed with any more.

CREATE TABLE lease (
    number INTEGER PRIMARY KEY NOT NULL CHECK (number = 1),
    seen_ms INTEGER NOT NULL,
    length_s INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    refused TEXT, -- NULL: the relay lets this device in, as far as is known
    step INTEGER NOT NULL,
    gentle INTEGER NOT NULL CHECK (gentle IN (0, 1)),
    asked_ms INTEGER NOT NULL,
    renewed_ms INTEGER NOT NULL
) STRICT;

ALTER TABLE ratchets ADD COLUMN retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1));
