"""The one resolver of paths: every name a client says is resolved here, below the descriptor of its home.

Rules:

- The root is a descriptor, never a path. What resolves is the kernel (or this module one component at a
  time), never a string comparison, so nothing that another process swaps between two system calls leads out.
- Links resolve as under chroot: an absolute one restarts at the root, ".." at the root stays there, the 41st
  is ELOOP.
- A caller gets a descriptor, or the directory of a name and the name for an `*at` call. Both are O_CLOEXEC.

`KernelJail` is openat2(2) with RESOLVE_IN_ROOT. `WalkJail` is for kernels and containers without it: O_PATH
and O_NOFOLLOW for each component, ".." taken from a stack of the directories we came through.
"""

import ctypes
import errno
import os
import stat
import struct
from abc import ABC, abstractmethod
from functools import cache
from types import TracebackType
from typing import Self

from ftpwire.pathname import VirtualPath

MAX_LINKS = 40
_OPENAT2 = 437  # the same number on every architecture but alpha
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_EXCLUSIVE = os.O_CREAT | os.O_EXCL  # never follows the last link
_TRIES = 64  # EAGAIN: a directory was renamed while the kernel looked at ".."

_libc = ctypes.CDLL(None, use_errno=True)
_openat2 = _libc.syscall
_openat2.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
_openat2.restype = ctypes.c_long


def fault(code: int, filename: str | None = None) -> OSError:
    """Return the OSError of an errno, in the class Python has for it."""
    return OSError(code, os.strerror(code), filename)


class Owned:
    """A directory descriptor shared by several; it closes with the last one who holds this object."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


class Parent:
    """A directory and a name in it. Leaving the context closes the directory unless it is the root itself."""

    __slots__ = ("_root", "fd", "name")

    def __init__(self, fd: int, name: str, root: Owned | None = None) -> None:
        self.fd = fd
        self.name = name
        self._root = root

    def close(self) -> None:
        """Give the directory back; a second call does nothing."""
        fd, self.fd = self.fd, -1
        if self._root is not None:
            self._root = None
        elif fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: tuple[type[BaseException], BaseException, TracebackType] | None) -> None:
        self.close()


class Jail(ABC):
    """A resolver below `root`, a directory descriptor that it owns from now on."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._owner: Owned | None = Owned(root)

    @abstractmethod
    def resolve(self, text: str, flags: int, mode: int = 0) -> int:
        """Open what `text` leads to; it is a raw path, relative to the root, in which "" is an error."""

    def open(self, path: VirtualPath, flags: int, mode: int = 0) -> int:
        """Open what the path leads to and return its descriptor. Raises OSError."""
        return self.resolve(path.text[1:] or ".", flags, mode)

    def parent(self, path: VirtualPath) -> Parent:
        """Return the directory and last name of a path; that name is not looked at.

        Raises PermissionError for the root, which has no name in the home.
        """
        return self._parent(path.text)

    def place(self, path: VirtualPath) -> tuple[Parent, os.stat_result | None]:
        """Return where `open(path, O_CREAT)` would make or find a file, and the facts of what is there.

        Links are followed, so the name is not one (unless someone makes it one just now). Raises OSError:
        ELOOP, IsADirectoryError for a link that can only lead to a directory.
        """
        text = path.text
        for _ in range(MAX_LINKS + 1):
            parent = self._parent(text)
            try:
                facts = os.stat(parent.name, dir_fd=parent.fd, follow_symlinks=False)
                if not stat.S_ISLNK(facts.st_mode):
                    return parent, facts
                target = os.readlink(parent.name, dir_fd=parent.fd)
            except FileNotFoundError:
                return parent, None
            except BaseException:
                parent.close()
                raise
            parent.close()
            # The kernel reads "a/link/../b" as chroot would; made normal here, it could mean another file.
            text = target if target.startswith("/") else text.rpartition("/")[0] + "/" + target
            if text.rpartition("/")[2] in ("", ".", ".."):
                os.close(self.resolve(text.lstrip("/") or ".", _DIRECTORY))
                raise fault(errno.EISDIR, path.text)
        raise fault(errno.ELOOP, path.text)

    def _parent(self, text: str) -> Parent:
        head, _, name = text.rpartition("/")
        if not name:
            raise PermissionError(errno.EPERM, "the root of a home cannot be changed", text)
        head = head.lstrip("/")
        if head:
            return Parent(self.resolve(head, _DIRECTORY), name)
        return Parent(self.root, name, self._owner)

    def close(self) -> None:
        """Let the root go: it closes when no `Parent` needs it. Nothing resolves any more (EBADF)."""
        self.root = -1
        self._owner = None


@cache
def _how(flags: int, mode: int) -> bytes:
    """openat2's third argument."""
    return struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)


class KernelJail(Jail):
    """openat2(2): one system call for a path of any length."""

    def resolve(self, text: str, flags: int, mode: int = 0) -> int:
        """Open what `text` leads to."""
        how = _how(flags, mode)
        raw = text.encode("utf-8", "surrogateescape")
        if b"\0" in raw:  # C would open the part before it
            raise fault(errno.EINVAL, text)
        root = self._owner  # held: else its number could be another home's when a thread comes to use it
        if root is None:
            raise fault(errno.EBADF, text)
        code = errno.EAGAIN
        for _ in range(_TRIES):
            fd: int = _openat2(_OPENAT2, root.fd, raw, how, 24)
            if fd >= 0:
                return fd
            code = ctypes.get_errno()
            if code not in (errno.EAGAIN, errno.EINTR):
                break
        raise fault(code, text)


class WalkJail(Jail):
    """One openat(2) for each component."""

    def resolve(self, text: str, flags: int, mode: int = 0) -> int:
        """Open what `text` leads to."""
        if not text:
            raise fault(errno.ENOENT)
        raw = text.encode("utf-8", "surrogateescape")
        if b"\0" in raw:
            raise fault(errno.EINVAL, text)
        if len(raw) >= 4096:  # PATH_MAX, with its NUL
            raise fault(errno.ENAMETOOLONG, text)
        root = self._owner  # held, as in KernelJail
        if root is None:
            raise fault(errno.EBADF, text)
        for _ in range(_TRIES):
            with _Walk(root.fd) as walk:
                try:
                    return walk.open(text, flags | os.O_CLOEXEC, mode)
                except _Moved:
                    continue
        raise fault(errno.EAGAIN, text)


class _Moved(Exception):
    """The last component became something else between the look and the open."""


class _Walk:
    """One resolution: the directories from the root to where we are, and the components still to go."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._stack: list[int] = []
        self._links = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: tuple[type[BaseException], BaseException, TracebackType] | None) -> None:
        self._restart()

    def _restart(self) -> None:
        while self._stack:
            os.close(self._stack.pop())

    def _here(self) -> int:
        return self._stack[-1] if self._stack else self._root

    def open(self, text: str, flags: int, mode: int) -> int:
        pending = self._split(text)
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if self._stack:
                    os.close(self._stack.pop())
                continue
            last = not pending
            stays = last and (flags & os.O_NOFOLLOW or flags & _EXCLUSIVE == _EXCLUSIVE)
            try:
                fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._here())
            except FileNotFoundError:
                if last and flags & os.O_CREAT:
                    return self._open_last(name, flags, mode)
                raise
            try:
                kind = stat.S_IFMT(os.fstat(fd).st_mode)
                if kind == stat.S_IFLNK and not stays:
                    pending += self._follow(fd, name)
                elif kind == stat.S_IFDIR:
                    self._stack.append(fd)
                    fd = -1
                elif last:
                    return self._open_last(name, flags, mode)
                else:
                    raise fault(errno.ENOTDIR, name)
            finally:
                if fd >= 0:
                    os.close(fd)
        return os.open(".", flags, mode, dir_fd=self._here())

    @staticmethod
    def _split(text: str) -> list[str]:
        return text.split("/")[::-1]

    def _follow(self, fd: int, name: str) -> list[str]:
        self._links += 1
        if self._links > MAX_LINKS:
            raise fault(errno.ELOOP, name)
        target = os.readlink("", dir_fd=fd)
        if target.startswith("/"):
            self._restart()
        return self._split(target)

    def _open_last(self, name: str, flags: int, mode: int) -> int:
        try:
            return os.open(name, flags | os.O_NOFOLLOW, mode, dir_fd=self._here())
        except OSError as error:
            # ELOOP: it has become a link, which resolves again.
            if error.errno == errno.ELOOP and not flags & os.O_NOFOLLOW:
                raise _Moved from error
            raise


@cache
def has_openat2() -> bool:
    """Tell whether this kernel lets us call openat2(2); asked once (seccomp says ENOSYS or EPERM)."""
    how = struct.pack("=QQQ", _DIRECTORY, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    root = os.open("/", _DIRECTORY)
    try:
        fd: int = _openat2(_OPENAT2, root, b".", how, 24)
        if fd >= 0:
            os.close(fd)
        return fd >= 0
    finally:
        os.close(root)


def jail_for(root: int) -> Jail:
    """Return the resolver this kernel allows for a directory descriptor, which it then owns."""
    return KernelJail(root) if has_openat2() else WalkJail(root)
