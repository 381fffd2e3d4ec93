BEGIN TRANSACTION;
CREATE TABLE absent(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, run INTEGER NOT NULL, times INTEGER NOT NULL,
      PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
CREATE TABLE held(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, hold INTEGER NOT NULL,
      PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
CREATE TABLE holds(
      id INTEGER PRIMARY KEY, resource TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, state TEXT NOT NULL,
      owned INTEGER NOT NULL, since TEXT NOT NULL, UNIQUE(resource, reason, state));
CREATE TABLE identities(
      resource TEXT PRIMARY KEY, reads TEXT NOT NULL, identity TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "identities" VALUES('/rooms','6f50ffebc3c6da9d','76112432113777b1',0);
INSERT INTO "identities" VALUES('/users','827b7b2bf7acc330','351080fcaa31fbde',0);
CREATE TABLE lease(one INTEGER PRIMARY KEY CHECK(one = 1), fence INTEGER NOT NULL, lock TEXT NOT NULL,
      until REAL NOT NULL);
INSERT INTO "lease" VALUES(1,1,'test.1.lock',15110.420842925);
CREATE TABLE partitions(
      id INTEGER PRIMARY KEY, resource TEXT NOT NULL, path TEXT NOT NULL, UNIQUE(resource, path));
INSERT INTO "partitions" VALUES(1,'/users','{}');
INSERT INTO "partitions" VALUES(2,'/rooms','{}');
CREATE TABLE progress(
      run INTEGER NOT NULL, partition INTEGER NOT NULL, reason TEXT, sound INTEGER NOT NULL, checkpoint TEXT,
      PRIMARY KEY(run, partition)) WITHOUT ROWID;
INSERT INTO "progress" VALUES(1,1,'single_request',1,NULL);
INSERT INTO "progress" VALUES(1,2,'single_request',1,NULL);
CREATE TABLE runs(
      id INTEGER PRIMARY KEY, run TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, status TEXT, task TEXT NOT NULL DEFAULT '', report TEXT);
INSERT INTO "runs" VALUES(1,'80eead662f3f4401b1ceac590fb1f31e','2026-01-01T12:00:00.000+00:00','2026-01-01T12:00:01.000+00:00','complete','085d177f3a6a7f35daebcdabb52b05c58f289920d0ca26e17cb81a3c205c10e9',NULL);
CREATE TABLE seen(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, partition INTEGER NOT NULL, run INTEGER NOT NULL, page INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY(blueprint, identifier, partition)) WITHOUT ROWID;
INSERT INTO "seen" VALUES('room','r',2,1,0);
INSERT INTO "seen" VALUES('room','s',2,1,0);
INSERT INTO "seen" VALUES('room','t',2,1,0);
INSERT INTO "seen" VALUES('user','a',1,1,0);
INSERT INTO "seen" VALUES('user','b',1,1,0);
INSERT INTO "seen" VALUES('user','c',1,1,0);
COMMIT;
PRAGMA application_id = 1885695603;
PRAGMA user_version = 2;
