-- Columns stand in key order in every WITHOUT ROWID table (SQLite 3.40.1 reports false errors otherwise). 64-bit
-- values without a sign are stored as the signed number with the same bits.

-- The record itself. `prior` is the number of the version before; id is in the form of rh_id_key.
CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    origin INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    part INTEGER NOT NULL,
    type INTEGER NOT NULL,
    op INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    size INTEGER NOT NULL,
    prior INTEGER NOT NULL,
    id BLOB NOT NULL,
    parents BLOB,
    labels TEXT,
    purpose TEXT,
    body_hash BLOB,
    prev_hash BLOB,
    body BLOB
) STRICT;
CREATE UNIQUE INDEX log_coordinate ON log (origin, seq);
CREATE INDEX log_type ON log (type);

-- The newest version of each resource, found by identity and by number.
CREATE TABLE head (
    type INTEGER NOT NULL,
    id BLOB NOT NULL,
    rk INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    part INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE locate (
    rk INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    id BLOB NOT NULL
) STRICT;
CREATE TABLE tally (type INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;

-- Search keys; index is type * 65536 + parameter.
CREATE TABLE key (
    index_ INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    rk INTEGER NOT NULL,
    PRIMARY KEY (index_, bytes, rk)
) STRICT, WITHOUT ROWID;

-- Persons: keyed hash, ordinal in rk, number of the next resource, salt of the body hashes.
CREATE TABLE part (
    part INTEGER PRIMARY KEY,
    ordinal INTEGER NOT NULL UNIQUE,
    next INTEGER NOT NULL,
    salt BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    n INTEGER NOT NULL,
    block BLOB NOT NULL
) STRICT;

CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
