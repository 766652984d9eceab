"""Side by side with real peers: the same work for every server, in one run, on one machine, in one table.

Theory. A figure of one run on one machine says nothing; the ratio of two servers that were measured in turns
(A B A B ...) does. So every workload is a row, every server a column, a round asks each server once, and what is
compared are medians over the rounds of one run. Beside the peers stands the machine itself: a loop of sendfile, or of
recv and write, that does nothing else (load/bare.c). The clients are compiled (load/load.c) and say what
processor time they took themselves.

    python -m benchmarks --quick        a table in a few minutes
    python -m benchmarks                five rounds, 1 GiB files, 100,000 names
    python -m benchmarks.quota          who keeps a quota of 1 MB, and what is left of it after a crash

`packages` finds the servers, `peers/` starts each with equal settings, `ground` is where their homes lie, `generator`
builds and runs the load, `workloads` says what is measured, `measure` does it in turns, `table` and `plot` show it.
"""
