-- A number beside each search key, and the newest entry beside each number. The keys are made again: the version of the
-- parameters that the directory was indexed by is none.
DROP TABLE key;
CREATE TABLE key (
    index_ INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    rk INTEGER NOT NULL,
    aux INTEGER NOT NULL,
    PRIMARY KEY (index_, bytes, rk)
) STRICT, WITHOUT ROWID;

DROP TABLE locate;
CREATE TABLE locate (
    rk INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    type INTEGER NOT NULL,
    id BLOB NOT NULL
) STRICT;
INSERT INTO locate (rk, entry, type, id) SELECT rk, entry, type, id FROM head ORDER BY rk;

UPDATE meta SET value = x'0000000000000000' WHERE name = 'parameters';
