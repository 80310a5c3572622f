-- How often each device has said hello: one that says less than before has an older copy of its disk.

ALTER TABLE mailbox ADD COLUMN life INTEGER NOT NULL DEFAULT 0;
