-- Where devices are woken: one subscription a device. `device` is its number; the keys are empty where nothing is sealed.

CREATE TABLE push_subscription (
    device INTEGER PRIMARY KEY NOT NULL,
    endpoint TEXT NOT NULL,
    key BLOB NOT NULL,
    auth BLOB NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;
