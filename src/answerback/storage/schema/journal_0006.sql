-- Small things that machines remember under a name.

CREATE TABLE notes (
    kind TEXT NOT NULL,
    about BLOB NOT NULL, -- empty where there is one of its kind
    value BLOB NOT NULL,
    PRIMARY KEY (kind, about)
) STRICT;
