-- The log of device lists and handles: what all devices of this relay are shown alike.

-- The log's signing key. It goes with the log: an older copy of the store is still the same log, and says so.
CREATE TABLE log_key (
    number INTEGER PRIMARY KEY NOT NULL CHECK (number = 1),
    seed BLOB NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Never changed and never deleted. `number` is the place and one more.
CREATE TABLE log_entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    line BLOB NOT NULL,
    entry BLOB NOT NULL
) STRICT;

-- Hashes of whole subtrees of two leaves and more: a proof reads some forty rows, whatever the size of the log.
CREATE TABLE log_node (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

-- Where each list, and each handle's account of today, stands.
CREATE TABLE log_list (
    account BLOB NOT NULL,
    version INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (account, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_handle (
    handle TEXT PRIMARY KEY NOT NULL,
    account BLOB NOT NULL,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
