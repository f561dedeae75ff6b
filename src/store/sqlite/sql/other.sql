-- name: part_get
SELECT part, ordinal, next, salt FROM part WHERE part = ?1;

-- name: part_put
INSERT INTO part (part, ordinal, next, salt) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (part) DO UPDATE SET ordinal = ?2, next = ?3, salt = ?4;

-- name: part_clear
-- uses: a scan: there is no other way to every person
UPDATE part SET next = 1;

-- name: part_last
SELECT ordinal FROM part ORDER BY ordinal DESC LIMIT 1;

-- name: meta_get
SELECT value FROM meta WHERE name = ?1;

-- name: meta_put
INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2;

-- name: meta_delete
DELETE FROM meta WHERE name = ?1;

-- name: audit_append
INSERT INTO audit (first_us, last_us, n, block) VALUES (?1, ?2, ?3, ?4);

-- name: audit_scan
SELECT number, first_us, last_us, n, block FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2;

-- name: audit_last
SELECT number, first_us, last_us, n, block FROM audit ORDER BY number DESC LIMIT 1;

-- name: last_number
SELECT number FROM log ORDER BY number DESC LIMIT 1;

-- name: begin_write
BEGIN IMMEDIATE;

-- name: begin_read
BEGIN DEFERRED;

-- name: commit
COMMIT;

-- name: savepoint
SAVEPOINT one;

-- name: release
RELEASE one;

-- name: undo
ROLLBACK TO one;
