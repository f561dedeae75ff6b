-- name: head_get
-- uses: head primary key
SELECT type, id, rk, entry, part, origin, seq, time_us, deleted FROM head WHERE type = ?1 AND id = ?2;

-- name: head_rk
-- uses: locate primary key, head primary key
SELECT head.type, head.id, head.rk, head.entry, head.part, head.origin, head.seq, head.time_us, head.deleted
  FROM locate CROSS JOIN head ON head.type = locate.type AND head.id = locate.id WHERE locate.rk = ?1;

-- name: head_put
INSERT INTO head (type, id, rk, entry, part, origin, seq, time_us, deleted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (type, id) DO UPDATE SET rk = ?3, entry = ?4, part = ?5, origin = ?6, seq = ?7, time_us = ?8, deleted = ?9;

-- name: head_add
INSERT INTO head (type, id, rk, entry, part, origin, seq, time_us, deleted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: head_scan
-- uses: head primary key
SELECT type, id, rk, entry, part, origin, seq, time_us, deleted FROM head WHERE type = ?1 AND id > ?2 ORDER BY id LIMIT ?3;

-- name: rk_scan
-- uses: locate primary key, head primary key
SELECT head.type, head.id, head.rk, head.entry, head.part, head.origin, head.seq, head.time_us, head.deleted
  FROM locate CROSS JOIN head ON head.type = locate.type AND head.id = locate.id
 WHERE locate.rk >= ?1 AND locate.rk < ?2 ORDER BY locate.rk LIMIT ?3;

-- name: locate_put
INSERT INTO locate (rk, entry, type, id) VALUES (?1, ?2, ?3, ?4);

-- name: locate_entry
UPDATE locate SET entry = ?2 WHERE rk = ?1;

-- name: locate_delete
DELETE FROM locate WHERE rk = ?1;

-- name: tally_add
INSERT INTO tally (type, n) VALUES (?1, ?2) ON CONFLICT (type) DO UPDATE SET n = n + ?2;

-- name: tally_get
SELECT n FROM tally WHERE type = ?1;

-- name: head_clear
DELETE FROM head;

-- name: locate_clear
DELETE FROM locate;

-- name: tally_clear
DELETE FROM tally;
