-- What lists and charts ask for. All but link_number and source can be made again from events.
CREATE TABLE source (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	kind TEXT NOT NULL DEFAULT '',
	name TEXT NOT NULL DEFAULT '',
	started INTEGER NOT NULL DEFAULT 0,
	ended INTEGER NOT NULL DEFAULT 0,
	packets INTEGER NOT NULL DEFAULT 0,
	bytes INTEGER NOT NULL DEFAULT 0,
	dropped INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A number, once told to people, stays with its link.
CREATE TABLE link_number (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	id INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TABLE link (
	number INTEGER PRIMARY KEY,
	id INTEGER NOT NULL UNIQUE,
	client BLOB NOT NULL,
	server BLOB NOT NULL,
	client_mac BLOB NOT NULL,
	server_mac BLOB NOT NULL,
	port INTEGER NOT NULL,
	proto INTEGER NOT NULL,
	transport INTEGER NOT NULL,
	vlan INTEGER NOT NULL,
	app TEXT NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	messages INTEGER NOT NULL,
	results INTEGER NOT NULL,
	flows INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	encrypted INTEGER NOT NULL
) STRICT;

CREATE INDEX link_last ON link (last, number);
CREATE INDEX link_first ON link (first, number);

CREATE TABLE hour (
	kind INTEGER NOT NULL,
	hour INTEGER NOT NULL,      -- since 1970
	sub INTEGER NOT NULL,
	n INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	PRIMARY KEY (kind, hour, sub)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
	id INTEGER PRIMARY KEY,
	state TEXT NOT NULL,
	class TEXT NOT NULL,
	maker TEXT NOT NULL,
	model TEXT NOT NULL,
	serial TEXT NOT NULL,
	software TEXT NOT NULL,
	os TEXT NOT NULL,
	hostname TEXT NOT NULL,
	addresses TEXT NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	snapshot BLOB NOT NULL,
	json BLOB NOT NULL
) STRICT;

CREATE INDEX device_last ON device (last, id);
CREATE INDEX device_first ON device (first, id);

CREATE TABLE finding (
	id INTEGER PRIMARY KEY,
	detector TEXT NOT NULL,
	severity INTEGER NOT NULL,
	device INTEGER NOT NULL,
	link INTEGER NOT NULL,
	cause TEXT NOT NULL,
	text TEXT NOT NULL,
	count INTEGER NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	state TEXT NOT NULL,
	evidence BLOB NOT NULL,
	snapshot BLOB NOT NULL,
	json BLOB NOT NULL
) STRICT;

CREATE INDEX finding_last ON finding (last, id);
CREATE INDEX finding_first ON finding (first, id);
CREATE INDEX finding_severity ON finding (severity, last, id);
CREATE INDEX finding_device ON finding (device);

-- Events that were kept before these tables were there have to be read once more.
INSERT INTO meta (key, value)
	SELECT 'rebuilding', x'31' WHERE EXISTS (SELECT 1 FROM event_block);
