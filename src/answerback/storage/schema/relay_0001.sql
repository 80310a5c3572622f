-- What the relay keeps: who its devices are, the keys they offer, and the mail that waits for them.

CREATE TABLE store_name (
    number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number = 1),
    name BLOB NOT NULL  -- random, made once: a store that began anew has another
) STRICT;

CREATE TABLE device_list (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account BLOB NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL,
    UNIQUE (account, version)
) STRICT;

CREATE TABLE device (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- also the number of its mailbox
    id BLOB NOT NULL UNIQUE,
    account BLOB NOT NULL,
    entry BLOB NOT NULL,  -- its entry in the newest list that names it
    list_version INTEGER NOT NULL,  -- its account's newest list
    revoked INTEGER NOT NULL DEFAULT 0,
    fallback_body BLOB NOT NULL DEFAULT x'',
    fallback_signature BLOB NOT NULL DEFAULT x'',
    seal_body BLOB NOT NULL DEFAULT x'',
    seal_signature BLOB NOT NULL DEFAULT x'',
    seal_id BLOB NOT NULL DEFAULT x''
) STRICT;

CREATE INDEX device_by_account ON device (account);

-- A claimed key stays as a digest, so that a publication repeated after a lost answer does not offer it again.
CREATE TABLE prekey (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device INTEGER NOT NULL,
    digest BLOB NOT NULL,
    claimed INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL,
    signature BLOB NOT NULL,
    UNIQUE (device, digest)
) STRICT;

CREATE INDEX prekey_to_claim ON prekey (device, claimed, number);

-- Apart from `device`, whose rows are wide: a commit that moves a hundred cursors then dirties two pages, not fifty.
CREATE TABLE mailbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    seen_ms INTEGER NOT NULL DEFAULT -1,
    taken_control INTEGER NOT NULL DEFAULT 0,
    taken_urgent INTEGER NOT NULL DEFAULT 0,
    taken_normal INTEGER NOT NULL DEFAULT 0,
    taken_bulk INTEGER NOT NULL DEFAULT 0,
    taken_background INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Written at its end only: `position` grows for ever, over all mailboxes, and AUTOINCREMENT remembers the highest even
-- when every row is gone.
CREATE TABLE envelope (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    id BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

-- Covers what a mailbox must know to wake up (ids, sizes, ends), so that it need not read its mail. The random id is
-- never what it is sorted by: an index in random order made commits six times slower.
CREATE INDEX envelope_by_mailbox ON envelope (mailbox, lane, position, id, size_bytes, expires_s);
