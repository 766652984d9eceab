"""What every control connection uses of the service; the service makes it, and another one when it is reloaded."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass

from ftpserver.config.settings import Limits
from ftpserver.control.patience import Patience
from ftpserver.control.timers import SharedTimers
from ftpserver.control.turns import Turns
from ftpserver.login import Desk
from ftpserver.tls import TlsService


@dataclass(frozen=True, slots=True)
class Facilities:
    """The loop and that of data connections, timers, where to log in, threads, TLS, the limits for everybody.

    `pool` is for transfers and listings, `turns` for commands that work long.
    """

    loop: asyncio.AbstractEventLoop
    data_loop: asyncio.AbstractEventLoop
    timers: SharedTimers
    desk: Desk
    pool: Executor
    turns: Turns
    patience: Patience
    tls: TlsService
    limits: Limits
