-- A file belongs to one author's message: several messages of a group may name the same blob, and only one truly.

CREATE TABLE carried (
    author BLOB NOT NULL,
    message BLOB NOT NULL,
    blob BLOB NOT NULL,
    uploading INTEGER NOT NULL CHECK (uploading IN (0, 1)),
    total_bytes INTEGER NOT NULL,
    done_bytes INTEGER NOT NULL,
    finished INTEGER NOT NULL CHECK (finished IN (0, 1)),
    PRIMARY KEY (author, message)
) STRICT;

INSERT INTO carried
SELECT messages.author, transfers.message, blob, uploading, total_bytes, done_bytes, finished
FROM transfers JOIN messages ON messages.id = transfers.message
WHERE messages.mine >= transfers.uploading
ORDER BY finished DESC
ON CONFLICT (author, message) DO UPDATE SET blob = excluded.blob, uploading = excluded.uploading,
    total_bytes = excluded.total_bytes, done_bytes = excluded.done_bytes, finished = excluded.finished;

DROP TABLE transfers;
ALTER TABLE carried RENAME TO transfers;
