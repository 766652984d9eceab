"""A home whose names are composed: one name, however a client spells it (the account's `normalize: nfc`).

Theory. Unicode has two spellings of "ü": one character (composed, NFC), or a "u" and a mark (decomposed, NFD), which
macOS sends. To the kernel they are two names. So every path is brought to the spelling that the disk has before the
store beneath resolves it, name by name: as it was said, else composed, else decomposed; a name that is not there gets
its composed spelling. From this follows:

* What a listing showed can be asked for in that spelling, also where the disk has both of them.
* What is there in one spelling is reached by the other, and is what an upload replaces.
* We make composed names only, and none beside a decomposed one. A rename of a thing to its own name composes it.
* A name that is neither the one nor the other (half of it decomposed by hand) is reached as it is listed.

What is looked up here decides on a spelling, never on access: the store resolves the result below its jail as ever.
Paths in ASCII have one spelling and cost nothing; others cost a look, and one more a name and spelling when that fails.
"""

from collections.abc import Generator
from unicodedata import normalize

from ftpserver.storage.base import Form, Removed, Sink, Source, Storage, Version
from ftpwire.entry import Entry
from ftpwire.pathname import ROOT, VirtualPath


class ComposedStorage:
    """A Storage over another one; see base.py for what each call does."""

    def __init__(self, beneath: Storage) -> None:
        self._beneath = beneath

    @property
    def umask(self) -> int:
        """See Storage."""
        return self._beneath.umask

    @umask.setter
    def umask(self, mask: int) -> None:
        self._beneath.umask = mask

    def spelled(self, path: VirtualPath) -> VirtualPath:
        """The path as the disk spells it, in composed names where there is nothing."""
        if path.text.isascii() or self._is_there(path):
            return path
        found = ROOT
        for name in path.parts:
            found = self._child(found, name)
        return found

    def _child(self, directory: VirtualPath, name: str) -> VirtualPath:
        if name.isascii():
            return directory.child(name)
        composed = normalize("NFC", name)
        for spelling in dict.fromkeys((name, composed, normalize("NFD", name))):
            if self._is_there(directory.child(spelling)):
                return directory.child(spelling)
        return directory.child(composed)

    def _is_there(self, path: VirtualPath) -> bool:
        try:
            self._beneath.stat(path, follow=False)
        except OSError:
            return False
        return True

    def stat(self, path: VirtualPath, follow: bool = True) -> Entry:
        """See Storage."""
        return self._beneath.stat(self.spelled(path), follow)

    def scan(self, path: VirtualPath) -> Generator[Entry, None, None]:
        """See Storage. Names are told as the disk spells them."""
        return self._beneath.scan(self.spelled(path))

    def listing(self, path: VirtualPath, form: Form | None) -> Generator[bytes, None, None]:
        """See Storage. Names are told as the disk spells them."""
        return self._beneath.listing(self.spelled(path), form)

    def open_source(self, path: VirtualPath, offset: int = 0) -> Source:
        """See Storage."""
        return self._beneath.open_source(self.spelled(path), offset)

    def create(self, path: VirtualPath) -> Sink:
        """See Storage."""
        return self._beneath.create(self.spelled(path))

    def change(self, path: VirtualPath, offset: int | None) -> Sink:
        """See Storage."""
        return self._beneath.change(self.spelled(path), offset)

    def make_directory(self, path: VirtualPath) -> None:
        """See Storage."""
        self._beneath.make_directory(self.spelled(path))

    def make_link(self, target: VirtualPath, path: VirtualPath) -> None:
        """See Storage. The link says its target as the disk spells it."""
        self._beneath.make_link(self.spelled(target), self.spelled(path))

    def remove_file(self, path: VirtualPath, only: Version | None = None) -> Removed:
        """See Storage."""
        return self._beneath.remove_file(self.spelled(path), only)

    def remove_directory(self, path: VirtualPath) -> Removed:
        """See Storage."""
        return self._beneath.remove_directory(self.spelled(path))

    def rename(self, old: VirtualPath, new: VirtualPath, replace: bool) -> Removed | None:
        """See Storage. The new name of a thing that has it already, in another spelling, is the composed one."""
        source, target = self.spelled(old), self.spelled(new)
        if source == target != ROOT:
            composed = target.parent.child(normalize("NFC", target.name))
            target = target if self._is_there(composed) else composed
        return self._beneath.rename(source, target, replace)

    def set_modified(self, path: VirtualPath, seconds: float) -> None:
        """See Storage."""
        self._beneath.set_modified(self.spelled(path), seconds)

    def set_mode(self, path: VirtualPath, mode: int, modified: float | None = None) -> None:
        """See Storage."""
        self._beneath.set_mode(self.spelled(path), mode, modified)

    def free_bytes(self) -> int:
        """See Storage."""
        return self._beneath.free_bytes()

    def stands_at(self, path: str) -> bool:
        """See Storage."""
        return self._beneath.stands_at(path)

    def count(self) -> Generator[tuple[int, int], None, None]:
        """See Storage."""
        return self._beneath.count()

    def close(self) -> None:
        """See Storage."""
        self._beneath.close()
