-- How long a quiet connection is borne on each network, as far as this device has learned.

CREATE TABLE networks (
    network BLOB NOT NULL PRIMARY KEY,
    borne_s REAL NOT NULL,
    broken_s REAL NOT NULL,
    deaths INTEGER NOT NULL
) STRICT;
