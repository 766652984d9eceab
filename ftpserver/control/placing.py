"""Putting an upload in place, or not, without ever keeping the loop waiting.

Mostly it is done at once. Where the home is busy (another process changes or counts it) we wait with the others who
wait for it (patience.py) and try again. Whom others always forestall, or who needs a pool counted first, holds a thread
in the end. However it is done, it cannot be called off.
"""

import asyncio
from collections.abc import Callable

from ftpserver.control.surroundings import Surroundings
from ftpserver.home import Home
from ftpserver.quota.base import HomeBusy
from ftpserver.upload import Ending, Fate, Upload

_TRIES = 5

Placed = Callable[[Fate | None, BaseException | None], None]
"""Called once: with what became of the upload, or with why that cannot be told."""


def place(
    around: Surroundings, home: Home, upload: Upload, ending: Ending, placed: Placed, tries: int = _TRIES
) -> None:
    """Finish an upload whose data has ended like this; `placed` may be called before this returns."""
    if not tries:
        finishing = around.loop.run_in_executor(around.pool, lambda: upload.finish(ending, wait=True))
        finishing.add_done_callback(lambda done: _tell(done, placed))
        return
    try:
        fate = upload.finish(ending)
    except HomeBusy:

        def try_again(waited: "asyncio.Future[None]") -> None:
            if not waited.cancelled():
                waited.exception()  # the next try meets the same fault and tells it
            place(around, home, upload, ending, placed, tries - 1)

        around.patience.wait(home.name, home.wait_until_quiet).add_done_callback(try_again)
    except Exception as failure:
        placed(None, failure)
    else:
        placed(fate, None)


def _tell(finishing: "asyncio.Future[Fate]", placed: Placed) -> None:
    if finishing.cancelled():
        placed(None, asyncio.CancelledError())
        return
    failure = finishing.exception()
    placed(finishing.result() if failure is None else None, failure)
