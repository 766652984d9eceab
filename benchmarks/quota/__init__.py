"""Who keeps a quota: the four tests that the published comparison was made of, on every server that has quotas.

    python -m benchmarks.quota [--json FILE]

Each test has a user of its own with a quota of 1,000,000 bytes and an empty home. What lies on the disk is counted
from outside: every file below the home and every nameless file that a process of the server holds open there.
"""
