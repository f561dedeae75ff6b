-- name: key_put
INSERT OR IGNORE INTO key (index_, bytes, rk) VALUES (?1, ?2, ?3);

-- name: key_delete
DELETE FROM key WHERE index_ = ?1 AND bytes = ?2 AND rk = ?3;

-- One statement for each way through the index, so that each is one seek and a walk.
-- name: key_up
SELECT bytes, rk FROM key WHERE index_ = ?1 AND bytes >= ?2 AND bytes < ?3 ORDER BY bytes, rk LIMIT ?4;

-- name: key_up_open
SELECT bytes, rk FROM key WHERE index_ = ?1 AND bytes >= ?2 ORDER BY bytes, rk LIMIT ?4;

-- name: key_up_after
SELECT bytes, rk FROM key WHERE index_ = ?1 AND (bytes, rk) > (?2, ?5) AND bytes < ?3 ORDER BY bytes, rk LIMIT ?4;

-- name: key_up_after_open
SELECT bytes, rk FROM key WHERE index_ = ?1 AND (bytes, rk) > (?2, ?5) ORDER BY bytes, rk LIMIT ?4;

-- name: key_down
SELECT bytes, rk FROM key WHERE index_ = ?1 AND bytes >= ?2 AND bytes < ?3 ORDER BY bytes DESC, rk DESC LIMIT ?4;

-- name: key_down_open
SELECT bytes, rk FROM key WHERE index_ = ?1 AND bytes >= ?2 ORDER BY bytes DESC, rk DESC LIMIT ?4;

-- name: key_down_after
SELECT bytes, rk FROM key WHERE index_ = ?1 AND (bytes, rk) < (?3, ?5) AND bytes >= ?2 ORDER BY bytes DESC, rk DESC LIMIT ?4;

-- name: key_clear
DELETE FROM key;
