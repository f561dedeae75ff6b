-- REPLACE: SQLite writes over a row with the same key in one seek, as the table has no other index.
-- name: key_put
INSERT OR REPLACE INTO key (index_, bytes, rk, aux) VALUES (?1, ?2, ?3, ?4);

-- name: key_delete
DELETE FROM key WHERE index_ = ?1 AND bytes = ?2 AND rk = ?3;

-- One statement for each way through the index, so that each is one seek and a walk.
-- name: key_up
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND bytes >= ?2 AND bytes < ?3 ORDER BY bytes, rk LIMIT ?4;

-- name: key_up_open
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND bytes >= ?2 ORDER BY bytes, rk LIMIT ?4;

-- name: key_up_after
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND (bytes, rk) > (?2, ?5) AND bytes < ?3 ORDER BY bytes, rk LIMIT ?4;

-- name: key_up_after_open
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND (bytes, rk) > (?2, ?5) ORDER BY bytes, rk LIMIT ?4;

-- name: key_down
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND bytes >= ?2 AND bytes < ?3 ORDER BY bytes DESC, rk DESC LIMIT ?4;

-- name: key_down_open
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND bytes >= ?2 ORDER BY bytes DESC, rk DESC LIMIT ?4;

-- name: key_down_after
SELECT bytes, rk, aux FROM key WHERE index_ = ?1 AND (bytes, rk) < (?3, ?5) AND bytes >= ?2 ORDER BY bytes DESC, rk DESC LIMIT ?4;

-- One key's postings. take() of keys.c keeps each row and is true when it has enough: a row costs half of what a step does.
-- name: key_rks
SELECT 1 FROM key WHERE index_ = ?1 AND bytes = ?2 AND rk >= ?3 AND take(rk, aux) ORDER BY rk;

-- name: key_drop
DELETE FROM key WHERE index_ = ?1 AND (bytes, rk) IN (SELECT bytes, rk FROM key WHERE index_ = ?1 ORDER BY bytes, rk LIMIT ?2);

-- name: key_clear
DELETE FROM key;
