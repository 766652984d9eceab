"""What a transfer needs of the connection it belongs to."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from ftpserver.control.patience import Patience
from ftpserver.control.protection import Protection
from ftpserver.data.secure import Drainage
from ftpwire.reply import Reply


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The loop and the threads that work for it, and the control connection as far as a transfer may use it."""

    loop: asyncio.AbstractEventLoop
    pool: Executor
    say: Callable[[Reply], None]
    """Write a reply now."""
    alive: Callable[[], bool]
    """Whether the control connection has not ended."""
    patience: Patience
    protection: Protection
    """What gives a data connection its TLS side."""
    drainage: Drainage = field(default_factory=Drainage)
