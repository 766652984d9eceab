"""A small SQLite file in `state/`, in WAL mode, shared by every process of the service.

Rules:

* One writer at a time, by an flock of our own around every transaction. SQLite's busy handler polls and is unfair
  (stalls of seconds were measured with four writers); the kernel's lock queue is not, and a transaction lasts
  microseconds, so waiting for it on the loop is cheaper than leaving the loop.
* Checkpoints never run inside a transaction (`wal_autocheckpoint=0`): they fsync. `checkpoint` is called on a thread.
* The log has some room in advance (logroom.py), so that a full disk keeps nobody from making room.
* `synchronous=NORMAL`: a process's death loses nothing; a power cut may lose the last transactions.
* A file that SQLite cannot read is moved aside and begun anew: whoever keeps a file here must be able to lose it. But
  not while another process has it open: two files would each promise what there is once. Every process holds a
  shared flock on `NAME.users` to be seen by, and the file says which file it is that they have open (its inode, which
  no other file gets meanwhile): a process that would open another one is refused until all have closed theirs.
* Nobody waits for another program that locks the file (a person with a SQLite shell): that is a fault. A file that
  could not be written, for this or any other reason, is not tried again for a second, and not waited for at all until
  it can: the loop would stand still again and again.
* Errors come out as the one exception that the owner of the file names.
"""

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from ftpserver.state.logroom import take_room

logger = logging.getLogger(__name__)

Fault = Callable[[str], Exception]
"""The exception class that an owner's errors come out as."""

Values = Sequence[object] | Mapping[str, object]
"""What stands for the question marks, or the names, of a statement."""

_LOCK_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_OPENING_WAIT = 5.0  # seconds for another program's lock, while nobody is served yet
_WORKING_WAIT = 100  # milliseconds for it later, when the loop waits too
_TROUBLE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
    )
)
_TROUBLE_HOLDS = 1.0  # seconds without another try


class Database:
    """A process's connection to STATE/NAME.sqlite3; its methods may be called from any thread."""

    def __init__(self, state: Path, name: str, schema: str, fault: Fault, loss: str) -> None:
        """Open or create the file; `schema` is run each time, `loss` says what it means to begin anew. Raises `fault`.

        The lock files are NAME.lock and NAME.users.
        """
        self.path = state / f"{name}.sqlite3"
        self.fault = fault
        self._schema = schema
        self._name = name
        self._loss = loss
        self._thread_lock = threading.RLock()
        self.closed = False
        self.trouble: str | None = None
        """Why it could not be written the last time."""
        self._try_again_at = 0.0
        self.replaced = False
        """Whether it is another file than the one that was open last: what it says is of another time."""
        self.exclusive: AbstractContextManager[bool] = self._thread_lock
        """Keeps the other threads of this process away from what stands in the file."""
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_fd = os.open(state / f"{name}.lock", _LOCK_FILE, 0o600)
        except OSError as error:
            raise fault(f"{state}: {error.strerror}") from error
        try:
            self._users_fd = os.open(state / f"{name}.users", _LOCK_FILE, 0o600)
        except OSError as error:
            os.close(self._lock_fd)
            raise fault(f"{state}: {error.strerror}") from error
        try:
            with self.locked():
                self.connection = self._open_the_one(self._is_alone())
        except BaseException:
            os.close(self._lock_fd)
            os.close(self._users_fd)
            raise
        self._take_room()
        self.execute = self.connection.execute
        self.writing = _Writing(self)
        self._damaged = False

    @property
    def sound(self) -> bool:
        """Whether the file is still the one that was opened, and nothing was found broken in it."""
        return not self._damaged and self._here() == self._opened

    def faulty(self, error: sqlite3.Error) -> Exception:
        """The owner's fault for an error of SQLite; what it says of the file is remembered."""
        if _is_corruption(error):
            self._damaged = True
        elif _primary_code(error) in _TROUBLE:
            if self.trouble is None:
                self._wait_for_others(0)
            self.trouble = str(error)
            self._try_again_at = time.monotonic() + _TROUBLE_HOLDS
        return self.fault(str(error))

    def check_trouble(self) -> None:
        """Raises the owner's fault while the file is not to be tried again."""
        if self.trouble is not None and time.monotonic() < self._try_again_at:
            raise self.fault(self.trouble)

    def end_trouble(self) -> None:
        """It was written."""
        self.trouble = None
        self._wait_for_others(_WORKING_WAIT)

    def _wait_for_others(self, milliseconds: int) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.execute(f"PRAGMA busy_timeout={milliseconds}").fetchall()

    def _is_alone(self) -> bool:
        """Whether no other process has the file open; from now on they see us."""
        try:
            fcntl.flock(self._users_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
        else:
            alone = True
        fcntl.flock(self._users_fd, fcntl.LOCK_SH)
        return alone

    def _open_the_one(self, alone: bool) -> sqlite3.Connection:
        """Open the file that the others have open, whoever comes first says which that is."""
        said, here = os.pread(self._users_fd, 100, 0), self._here()
        if not alone and not here:
            raise self.fault(f"{self.path}: another process has it open, but it was removed")
        if not alone and said and said != here:
            raise self.fault(f"{self.path}: it was replaced, and another process has the one before open")
        self.replaced = bool(said and here) and said != here
        connection = self._open_or_heal(alone)
        self._opened = self._here()
        if not alone and self._opened != here:
            connection.close()
            raise self.fault(f"{self.path}: it was replaced this moment")
        os.pwrite(self._users_fd, self._opened, 0)
        os.ftruncate(self._users_fd, len(self._opened))
        return connection

    def _here(self) -> bytes:
        """Which file has the name now; nothing when there is none."""
        try:
            return b"%d\n" % os.stat(self.path).st_ino  # a device may have another number after the next boot
        except OSError:
            return b""

    def _open_or_heal(self, alone: bool) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not _is_corruption(error):
                raise self.fault(f"{self.path}: {error}") from error
            if not alone:
                raise self.fault(f"{self.path}: corrupt, and another process has it open: {error}") from error
            aside = self.path.with_name(f"{self.path.name}.corrupt-{time.time_ns()}")
            logger.error("the %s is corrupt; it is moved to %s and %s", self._name, aside, self._loss)
            try:
                for suffix in ("", "-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        os.rename(f"{self.path}{suffix}", f"{aside}{suffix}")
                return self._connect()
            except (OSError, sqlite3.Error) as again:
                raise self.fault(f"{self.path}: {again}") from again

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_OPENING_WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.executescript(self._schema)
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(f"quick_check: {found}")
            connection.execute(f"PRAGMA busy_timeout={_WORKING_WAIT}")
            os.chmod(self.path, 0o600)
        except BaseException:
            connection.close()
            raise
        return connection

    def read(self, query: str, values: Values = ()) -> list[Any]:
        """The rows of a query. Raises `fault`.

        No other thread of this process writes meanwhile: SQLite would take its transaction for one that began with this
        reading, and refuse it when another process has written since ("database is locked").
        """
        with self._thread_lock:
            try:
                return self.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self.faulty(error) from error

    def locked(self) -> "_Locked":
        """Hold the writers' lock (all threads of all processes). Raises `fault`."""
        return _Locked(self)

    def _take_room(self) -> None:
        take_room(self.path.with_name(f"{self.path.name}-wal"))

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database; call it on a thread, it syncs."""
        self._take_room()  # there may have been none before
        try:
            with contextlib.closing(
                # mode=rw: a file that was removed must not be made anew by a checkpoint
                sqlite3.connect(
                    f"file:{quote(str(self.path))}?mode=rw", timeout=1, isolation_level=None, uri=True
                )
            ) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            logger.warning("the %s could not be checkpointed: %s", self._name, error)

    def close(self) -> None:
        """Close the connection; whoever still uses it gets a fault."""
        with self._thread_lock:
            self.closed = True
            self.connection.close()
            os.close(self._lock_fd)
            os.close(self._users_fd)


class _Locked:
    __slots__ = ("_database", "_fd", "_thread_lock")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread_lock = database._thread_lock
        self._fd = database._lock_fd

    def __enter__(self) -> None:
        if self._database.trouble is not None:
            self._database.check_trouble()
        self._thread_lock.acquire()
        try:
            if self._database.closed:  # the descriptor may be somebody else's by now
                raise self._database.fault("it was closed")
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException as error:
            self._thread_lock.release()
            if isinstance(error, OSError):
                raise self._database.fault(f"the lock cannot be had: {error.strerror}") from error
            raise

    def __exit__(self, *exc: object) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._thread_lock.release()


class _Writing:
    """`with database.writing:` is one write transaction; SQLite's errors come out as the owner's fault."""

    __slots__ = ("_database", "_execute", "_faulty", "_lock")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._execute = database.execute
        self._faulty = database.faulty
        self._lock = database.locked()

    def __enter__(self) -> None:
        self._lock.__enter__()
        try:
            self._execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._lock.__exit__()
            if isinstance(error, sqlite3.Error):
                raise self._faulty(error) from error
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._execute("ROLLBACK" if kind else "COMMIT")
        except sqlite3.Error as fault:
            with contextlib.suppress(sqlite3.Error):
                self._execute("ROLLBACK")
            raise self._faulty(fault) from (error or fault)
        else:
            if self._database.trouble is not None and kind is None:
                self._database.end_trouble()
        finally:
            self._lock.__exit__()
        if isinstance(error, sqlite3.Error):
            raise self._faulty(error) from error


def _is_corruption(error: sqlite3.Error) -> bool:
    return _primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's code without the details in its upper bytes; 0 for what Python itself finds wrong."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
