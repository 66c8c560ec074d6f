-- Events in blocks. Summaries stand apart from bytes and key sets, so that skipping is cheap.
CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event_block (
	first_seq INTEGER PRIMARY KEY,
	n INTEGER NOT NULL,
	kinds INTEGER NOT NULL,     -- bits 1 << kind
	protos INTEGER NOT NULL,    -- bits 1 << protocol
	min_time INTEGER NOT NULL,  -- ns since 1970, as all times
	max_time INTEGER NOT NULL,
	received INTEGER NOT NULL,
	raw_len INTEGER NOT NULL,   -- bytes of records
	len INTEGER NOT NULL        -- bytes kept
) STRICT;

CREATE INDEX event_block_time ON event_block (max_time, first_seq);

CREATE TABLE event_keys (
	first_seq INTEGER PRIMARY KEY,
	keys BLOB NOT NULL
) STRICT;

CREATE TABLE event_bytes (
	first_seq INTEGER PRIMARY KEY,
	bytes BLOB NOT NULL
) STRICT;
