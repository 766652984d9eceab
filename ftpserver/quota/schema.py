"""The tables of the ledger; what each row means stands beside it."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS process (id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS usage (
    home INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    pool TEXT,                              -- the group whose members share a quota with it (pools.py)
    bytes INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    counted INTEGER NOT NULL DEFAULT 0,     -- 0: count the home before its next change
    epoch INTEGER NOT NULL DEFAULT 0,       -- how often it was counted
    sequence INTEGER NOT NULL DEFAULT 0     -- how often it was changed
);
CREATE TABLE IF NOT EXISTS holding (        -- what a living process has promised to changes under way
    home INTEGER NOT NULL,
    process INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (home, process)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loan (           -- files whose size is lent to the upload that will replace them
    home INTEGER NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    process INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    converted INTEGER NOT NULL DEFAULT 0,   -- the file vanished meanwhile: for the borrower are held 1: its bytes,
                                            -- 2: its bytes and its entry
    PRIMARY KEY (home, device, inode)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stock (          -- who holds room of a home in advance, and returns it soon
    home INTEGER NOT NULL,
    process INTEGER NOT NULL,
    PRIMARY KEY (home, process)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS growing (        -- how many changes in place are under way: seen before they are booked
    home INTEGER NOT NULL,
    process INTEGER NOT NULL,
    grants INTEGER NOT NULL,
    PRIMARY KEY (home, process)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS usage_pool ON usage (pool) WHERE pool IS NOT NULL;
CREATE TABLE IF NOT EXISTS pool (
    name TEXT PRIMARY KEY,
    called INTEGER NOT NULL DEFAULT 0,      -- 1: all its homes are known
    bytes INTEGER NOT NULL DEFAULT 0,       -- the sums over its homes, kept by the triggers
    files INTEGER NOT NULL DEFAULT 0,
    uncounted INTEGER NOT NULL DEFAULT 0    -- how many of them must be counted
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS pool_gains AFTER INSERT ON usage WHEN new.pool IS NOT NULL BEGIN
    UPDATE pool SET bytes = bytes + new.bytes, files = files + new.files, uncounted = uncounted + (NOT new.counted)
    WHERE name = new.pool;
END;
CREATE TRIGGER IF NOT EXISTS pool_changes AFTER UPDATE OF pool, bytes, files, counted ON usage
WHEN old.pool IS NOT NULL OR new.pool IS NOT NULL BEGIN
    UPDATE pool SET bytes = bytes - old.bytes, files = files - old.files, uncounted = uncounted - (NOT old.counted)
    WHERE name = old.pool;
    UPDATE pool SET bytes = bytes + new.bytes, files = files + new.files, uncounted = uncounted + (NOT new.counted)
    WHERE name = new.pool;
END;
CREATE TRIGGER IF NOT EXISTS pool_loses AFTER DELETE ON usage WHEN old.pool IS NOT NULL BEGIN
    UPDATE pool SET bytes = bytes - old.bytes, files = files - old.files, uncounted = uncounted - (NOT old.counted)
    WHERE name = old.pool;
END;
CREATE TABLE IF NOT EXISTS traffic (        -- bytes moved by an owner in a calendar period
    owner TEXT NOT NULL,
    period TEXT NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (owner, period)
) WITHOUT ROWID;
"""
