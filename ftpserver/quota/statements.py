"""What the ledger is asked and told about one home, in SQL; the tables are in schema.py, who says it in books.py.

A limit is part of the statement that takes the room, so that no other process comes between the look and the act.
"""

RESERVE = """
UPDATE holding SET bytes = bytes + :bytes, files = files + :files
WHERE home = :home AND process = :process
  AND (SELECT counted FROM usage WHERE home = :home)
  AND (:limit_bytes IS NULL OR :bytes <= 0 OR :limit_bytes - :margin >= :bytes
       + (SELECT bytes FROM usage WHERE home = :home) + (SELECT sum(bytes) FROM holding WHERE home = :home))
  AND (:limit_files IS NULL OR :files <= 0 OR :limit_files - :margin_files >= :files
       + (SELECT files FROM usage WHERE home = :home) + (SELECT sum(files) FROM holding WHERE home = :home))
"""
# A change that needs no room: there must be a write before it, or it would be done when it cannot be booked. SQLite
# does not write what is as it was.
TURN = "UPDATE usage SET sequence = sequence + 1 WHERE home = :home AND counted"
# A change that is booked while what was held for it stays held, in stock: so it must fit beside that.
BOOK_BESIDE = """
UPDATE usage SET bytes = bytes + :bytes, files = files + :files, sequence = sequence + 1
WHERE home = :home AND counted AND bytes + :bytes >= 0 AND files + :files >= 0
  AND (:limit_bytes IS NULL OR :bytes <= 0 OR :limit_bytes - :margin >= :bytes
       + bytes + (SELECT sum(bytes) FROM holding WHERE home = :home))
  AND (:limit_files IS NULL OR :files <= 0 OR :limit_files - :margin_files >= :files
       + files + (SELECT sum(files) FROM holding WHERE home = :home))
RETURNING bytes, files
"""
GROW = """
INSERT INTO growing (home, process, grants) VALUES (?, ?, ?)
ON CONFLICT (home, process) DO UPDATE SET grants = grants + excluded.grants
"""
GROWING = "SELECT coalesce(sum(grants), 0) FROM growing WHERE home = ?"
STOCKED_BY_OTHERS = "SELECT EXISTS (SELECT 1 FROM stock WHERE home = ? AND process != ?)"
# What a pool has used is the sum of its homes, all of which must be known and counted (pools.py).
RESERVE_IN_POOL = (
    RESERVE
    + """
  AND (SELECT pool FROM usage WHERE home = :home) = :pool
  AND EXISTS (SELECT 1 FROM pool WHERE name = :pool AND called AND NOT uncounted)
  AND (:pool_bytes IS NULL OR :bytes <= 0 OR :pool_bytes - :margin >= :bytes
       + (SELECT bytes FROM pool WHERE name = :pool)
       + (SELECT coalesce(sum(holding.bytes), 0) FROM holding CROSS JOIN usage USING (home)
          WHERE holding.bytes AND pool = :pool))
  AND (:pool_files IS NULL OR :files <= 0 OR :pool_files >= :files
       + (SELECT files FROM pool WHERE name = :pool)
       + (SELECT coalesce(sum(holding.files), 0) FROM holding CROSS JOIN usage USING (home)
          WHERE holding.files AND pool = :pool))
"""
)
# CROSS JOIN: what is held first. Those are the homes in use; all the homes of a pool may be a hundred thousand.
POOL_TOTALS = """
SELECT bytes, files,
       (SELECT coalesce(sum(holding.bytes), 0) FROM holding CROSS JOIN usage USING (home)
        WHERE holding.bytes AND pool = :pool),
       (SELECT coalesce(sum(holding.files), 0) FROM holding CROSS JOIN usage USING (home)
        WHERE holding.files AND pool = :pool)
FROM pool WHERE name = :pool AND called AND NOT uncounted
"""
TOTALS = """
SELECT bytes, files, counted,
       (SELECT coalesce(sum(bytes), 0) FROM holding WHERE home = usage.home),
       (SELECT coalesce(sum(files), 0) FROM holding WHERE home = usage.home)
FROM usage WHERE path = ?
"""
