-- Every device list of this account, for a relay that has lost some; and how often this device has said hello.

CREATE TABLE own_lists (
    version INTEGER PRIMARY KEY NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

ALTER TABLE relay ADD COLUMN life INTEGER NOT NULL DEFAULT 0;
