-- name: log_append
INSERT INTO log (origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16);

-- name: log_entry
-- uses: log primary key
SELECT number, origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body
  FROM log WHERE number = ?1;

-- name: log_rk
-- uses: locate primary key, log primary key
SELECT log.number, log.origin, log.seq, log.time_us, log.part, log.type, log.op, log.codec, log.size, log.prior, log.id, log.parents, log.labels,
       log.purpose, log.body_hash, log.prev_hash, log.body
  FROM locate CROSS JOIN log ON log.number = locate.entry WHERE locate.rk = ?1;

-- name: log_rks
-- uses: locate primary key, log primary key
SELECT log.number, log.origin, log.seq, log.time_us, log.part, log.type, log.op, log.codec, log.size, log.prior, log.id, log.parents, log.labels,
       log.purpose, log.body_hash, log.prev_hash, log.body, locate.rk
  FROM locate CROSS JOIN log ON log.number = locate.entry WHERE locate.rk >= ?1 AND locate.rk < ?2 ORDER BY locate.rk LIMIT ?3;

-- name: log_version
-- uses: log_coordinate
SELECT number, origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body
  FROM log WHERE origin = ?1 AND seq = ?2;

-- name: log_history
-- uses: log primary key, backwards
SELECT number, origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body
  FROM log WHERE number < ?1 ORDER BY number DESC LIMIT ?2;

-- name: log_history_type
-- uses: log_type, backwards
SELECT number, origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body
  FROM log WHERE type = ?3 AND number < ?1 ORDER BY number DESC LIMIT ?2;

-- name: log_read
-- uses: log_coordinate
SELECT number, origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body
  FROM log WHERE origin = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3;

-- name: log_tip
-- uses: log_coordinate, backwards
SELECT number, origin, seq, time_us, part, type, op, codec, size, prior, id, parents, labels, purpose, body_hash, prev_hash, body
  FROM log WHERE origin = ?1 ORDER BY seq DESC LIMIT 1;

-- name: log_last_seq
-- uses: log_coordinate, backwards, covering
SELECT seq FROM log WHERE origin = ?1 ORDER BY seq DESC LIMIT 1;

-- name: log_next_origin
-- uses: log_coordinate
SELECT origin FROM log WHERE origin >= ?1 ORDER BY origin LIMIT 1;

-- name: log_body_put
UPDATE log SET codec = ?2, body = ?3 WHERE number = ?1;
