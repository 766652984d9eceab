"""The threads of one process that carry out what may block, apart by whom they serve.

Theory. What blocks is done on a thread, and threads are few. If all work shared them, whatever takes longest would hold
them all in the end: a few hashes of large files would keep everybody's downloads from the disk, and the process from
seeing that an account was removed. So there are three kinds, and none waits for another:

* `own`: what the process does for itself. Two, as a look-up at a name server that is silent must not keep the look
  at the accounts waiting.
* `data`: the steps of transfers and listings, each of which is short where the disk is.
* `commands`: commands that work long. How many of them one user may hold is said in control/turns.py.

A thread begins when it is first needed, so what is not used costs nothing.
"""

from concurrent.futures import ThreadPoolExecutor

_OWN = 2
_DATA = 8
_COMMANDS = 8


class Threads:
    """The executors of one process."""

    def __init__(self) -> None:
        self.own = ThreadPoolExecutor(_OWN, thread_name_prefix="house")
        self.data = ThreadPoolExecutor(_DATA, thread_name_prefix="disk")
        self.commands = ThreadPoolExecutor(_COMMANDS, thread_name_prefix="command")
        self.most_commands = _COMMANDS

    def close(self) -> None:
        """Wait until what is under way has ended; what has not begun is dropped."""
        for pool in (self.commands, self.data, self.own):
            pool.shutdown(wait=True, cancel_futures=True)
