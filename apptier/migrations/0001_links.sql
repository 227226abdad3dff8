-- The link shortener. Times are UTC.

CREATE TABLE IF NOT EXISTS links (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	url VARCHAR(2048) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	hits BIGINT UNSIGNED NOT NULL DEFAULT 0,
	created_at DATETIME(3) NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY links_code (code)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;

-- What a client's Idempotency-Key has led to, stored in the same transaction as the link. The hash
-- tells a repeated request from another one with the same key.
CREATE TABLE IF NOT EXISTS idempotency_keys (
	idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	request_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	created_at DATETIME(3) NOT NULL,
	PRIMARY KEY (idempotency_key),
	KEY idempotency_keys_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;

-- One row for each process that counts visits: the number of its last update that is stored, so that
-- an update whose answer was lost can be sent again without counting twice.
CREATE TABLE IF NOT EXISTS count_writers (
	writer BIGINT UNSIGNED NOT NULL,
	sequence BIGINT UNSIGNED NOT NULL,
	node VARCHAR(31) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	seen DATETIME NOT NULL,
	PRIMARY KEY (writer),
	KEY count_writers_seen (seen)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;
