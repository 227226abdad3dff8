-- Owners of links, titles, expiry, edits, visits by day, and hosts that links may not lead to. Times
-- are UTC.
--
-- Applied while nodes of the version before serve: columns have defaults, so that their statements go
-- on; columns are added without touching a row (INSTANT) and the index without a lock that keeps
-- writers out (INPLACE). IF NOT EXISTS: what was interrupted half-way is gone on with.

ALTER TABLE links
	-- 0: nobody's.
	ADD COLUMN IF NOT EXISTS owner_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
	ADD COLUMN IF NOT EXISTS title VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
		NOT NULL DEFAULT '',
	-- Redirected with 301 instead of 302.
	ADD COLUMN IF NOT EXISTS permanent BOOLEAN NOT NULL DEFAULT 0,
	ADD COLUMN IF NOT EXISTS expires_at DATETIME(3) NULL,
	ADD COLUMN IF NOT EXISTS updated_at DATETIME(3) NULL,
	-- The row stays: nobody gets the code of a link that others may still follow.
	ADD COLUMN IF NOT EXISTS deleted_at DATETIME(3) NULL,
	ALGORITHM=INSTANT;

-- Lists are read by owner, newest first.
ALTER TABLE links
	ADD INDEX IF NOT EXISTS links_owner (owner_id, id),
	ALGORITHM=INPLACE, LOCK=NONE;

-- Who may change links. Tokens are known to their owners alone: here is what they hash to.
CREATE TABLE IF NOT EXISTS owners (
	id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
	-- SHA-256, in hexadecimal, of a token of 256 random bits, which needs no salt.
	token_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	created_at DATETIME(3) NOT NULL,
	-- The limit of writes: when what the owner has done so far is paid off.
	busy_until DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY owners_token_hash (token_hash)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;

-- links.hits is the sum of a link's rows, but for visits from before there were any.
CREATE TABLE IF NOT EXISTS link_days (
	link_id BIGINT UNSIGNED NOT NULL,
	day DATE NOT NULL,
	hits BIGINT UNSIGNED NOT NULL,
	PRIMARY KEY (link_id, day)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Filled by people: links that lead to such a host or one below it are neither made nor followed.
-- In lower case, international names in their ASCII form (xn--...), without a dot at the end.
CREATE TABLE IF NOT EXISTS refused_hosts (
	host VARCHAR(253) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
	reason VARCHAR(200) NOT NULL DEFAULT '',
	PRIMARY KEY (host)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;
