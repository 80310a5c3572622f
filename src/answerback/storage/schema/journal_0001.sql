-- What one device keeps. A column may be NULL only where the comment beside it says what its absence means.
-- Rows that others point at, or whose order counts, have AUTOINCREMENT numbers, so that a number is never used again.
-- Everything else is keyed by its own id.

-- The result of registration. `number` allows one row only.
CREATE TABLE identity (
    number INTEGER PRIMARY KEY NOT NULL CHECK (number = 1),
    account BLOB NOT NULL,
    device BLOB NOT NULL,
    device_name TEXT NOT NULL,
    handle TEXT NOT NULL,
    relay_url TEXT NOT NULL,
    relay_pin BLOB, -- NULL: the relay is trusted through the public certificate authorities
    root_seed BLOB, -- NULL: this device may not add or remove devices of the account
    pickle_key BLOB NOT NULL,
    registered_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

-- `arrival` is the order in which messages came to this disk; the order they are shown in follows from the stamps.
CREATE TABLE messages (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    conversation BLOB NOT NULL,
    author BLOB NOT NULL,
    author_device BLOB NOT NULL,
    mine INTEGER NOT NULL CHECK (mine IN (0, 1)),
    recipients BLOB NOT NULL, -- MessagePack array of account ids
    text TEXT NOT NULL,
    attachment BLOB, -- MessagePack; NULL: no file came with it
    urgency INTEGER NOT NULL,
    stamp_ms INTEGER NOT NULL,
    stamp_counter INTEGER NOT NULL,
    written_after BLOB NOT NULL, -- MessagePack array of message ids
    expires_ms INTEGER NOT NULL,
    arrived_ms INTEGER NOT NULL,
    -- Not the id alone: another author of a group could take an id before its owner's message is here.
    UNIQUE (author, id)
) STRICT;
CREATE INDEX messages_by_id ON messages (id);
CREATE INDEX messages_by_conversation ON messages (conversation, arrival);
CREATE INDEX messages_by_stamp ON messages (stamp_ms, stamp_counter);

-- Messages to handles that nobody has looked up yet, in the order they were promised.
CREATE TABLE drafts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    handles BLOB NOT NULL, -- MessagePack array of texts
    accounts BLOB NOT NULL, -- MessagePack array of account ids
    text TEXT NOT NULL,
    attachment BLOB, -- MessagePack; NULL: no file goes with it
    urgency INTEGER NOT NULL,
    stamp_ms INTEGER NOT NULL,
    stamp_counter INTEGER NOT NULL,
    lifetime_s INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL
) STRICT;

-- Promises that are not yet kept, in the order they were made.
CREATE TABLE outgoing (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    lane INTEGER NOT NULL,
    letter BLOB NOT NULL,
    recipients BLOB NOT NULL, -- MessagePack array of account ids
    devices BLOB NOT NULL, -- MessagePack array of device ids
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    accepted_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    addressed INTEGER NOT NULL CHECK (addressed IN (0, 1)),
    blob BLOB -- NULL: no file has to be at the relay first
) STRICT;

-- How far each copy came. Stays when the promise is kept: it is what a timeline shows.
CREATE TABLE copies (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message BLOB NOT NULL,
    device BLOB NOT NULL,
    account BLOB NOT NULL,
    lane INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    envelope BLOB, -- NULL: not sealed yet
    cause TEXT, -- NULL: nothing keeps it waiting
    boot BLOB NOT NULL,
    accepted_ms INTEGER NOT NULL,
    UNIQUE (message, device)
) STRICT;

-- Apart from `copies`, because a copy changes at every stage and its bytes never do: SQLite writes whole rows.
CREATE TABLE sealed (
    copy INTEGER PRIMARY KEY NOT NULL REFERENCES copies (number) ON DELETE CASCADE,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message BLOB NOT NULL,
    device BLOB, -- NULL: the step is about the message as a whole
    stage INTEGER NOT NULL,
    evidence INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    cause TEXT NOT NULL,
    attempt INTEGER NOT NULL
) STRICT;
CREATE INDEX steps_by_message ON steps (message, number);

CREATE TABLE ratchets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,
    lane INTEGER NOT NULL,
    session TEXT NOT NULL,
    pickle TEXT NOT NULL,
    good_ms INTEGER NOT NULL,
    UNIQUE (device, lane, session)
) STRICT;

CREATE TABLE device_keys (
    number INTEGER PRIMARY KEY NOT NULL CHECK (number = 1),
    pickle TEXT NOT NULL
) STRICT;

CREATE TABLE seal_secrets (
    id BLOB PRIMARY KEY NOT NULL,
    secret BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE device_lists (
    account BLOB PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

CREATE TABLE seal_keys (
    device BLOB PRIMARY KEY NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

CREATE TABLE contacts (
    handle TEXT PRIMARY KEY NOT NULL,
    account BLOB NOT NULL
) STRICT;

CREATE TABLE device_names (
    device BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE streams (
    device BLOB NOT NULL,
    lane INTEGER NOT NULL,
    given INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    missing BLOB NOT NULL, -- MessagePack array of pairs
    PRIMARY KEY (device, lane)
) STRICT;

-- Numbered, so that the oldest can go when there are too many.
CREATE TABLE seen (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    wall_ms INTEGER NOT NULL,
    device BLOB, -- NULL: nobody knows who sent it
    message BLOB, -- NULL: it carried no post, or could not be opened
    opened INTEGER NOT NULL CHECK (opened IN (0, 1))
) STRICT;

CREATE TABLE cursors (
    lane INTEGER PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE relay (
    number INTEGER PRIMARY KEY NOT NULL CHECK (number = 1),
    store BLOB NOT NULL,
    boot BLOB NOT NULL,
    offset_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE transfers (
    blob BLOB NOT NULL,
    message BLOB NOT NULL,
    uploading INTEGER NOT NULL CHECK (uploading IN (0, 1)),
    total_bytes INTEGER NOT NULL,
    done_bytes INTEGER NOT NULL,
    finished INTEGER NOT NULL CHECK (finished IN (0, 1)),
    PRIMARY KEY (blob, message)
) STRICT;
