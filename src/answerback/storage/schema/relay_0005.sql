-- When the relay stopped taking mail for a device because there was no contact; 0 if it takes some.

ALTER TABLE mailbox ADD COLUMN lapsed_ms INTEGER NOT NULL DEFAULT 0;
