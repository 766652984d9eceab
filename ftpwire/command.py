"""A command of the control connection, said and heard (RFC 959 section 4.1 and 5.3).

A command is a verb and, after exactly one space, an argument that nobody trims, for a file's name may start
and end with spaces. The verb is 1 to 16 ASCII letters and digits (XSHA256), a letter first, and becomes upper
case; letters outside ASCII that fold to ASCII ones (the long s) make no verb. The encoding is any superset of
ASCII; bytes it does not know survive as `surrogateescape`.
"""

from dataclasses import dataclass

from ftpwire.errors import LocalError, RemoteError
from ftpwire.printable import printable

MAX_VERB = 16
"""Letters in a verb; the longest in use have four, drafts went to seven."""

_SECRET = frozenset({"PASS", "ACCT", "ADAT"})
_MASK = "****"


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """A verb in upper case and its argument, empty when there is none."""

    verb: str
    argument: str

    @classmethod
    def decode(cls, line: bytes, encoding: str = "utf-8") -> "Command":
        """Read a line without its end. Raises RemoteError when its verb is none."""
        verb, _, argument = line.partition(b" ")
        if not verb.isalnum() or not verb[:1].isalpha() or len(verb) > MAX_VERB:  # bytes know ASCII only
            raise RemoteError("a command starts with a verb of ASCII letters and digits")
        return cls(verb.upper().decode("ascii"), argument.decode(encoding, "surrogateescape"))

    def encode(self, encoding: str = "utf-8") -> bytes:
        """Return the line with its end. Raises LocalError when it would not arrive as this one command."""
        verb = self.verb
        if not (verb.isascii() and verb.isalnum() and verb[0].isalpha() and len(verb) <= MAX_VERB):
            raise LocalError("a verb is 1 to 16 ASCII letters and digits, a letter first")
        try:
            argument = self.argument.encode(encoding, "surrogateescape")
        except UnicodeEncodeError:
            raise LocalError(f"the argument cannot be written in {encoding}") from None
        if b"\r" in argument or b"\n" in argument or b"\0" in argument:
            raise LocalError("an argument cannot hold CR, LF or NUL")
        line = verb.encode("ascii")
        if argument:
            line += b" " + argument.replace(b"\xff", b"\xff\xff")  # 0xFF is Telnet's IAC
        return line + b"\r\n"

    def __repr__(self) -> str:
        return f"Command(verb={self.verb!r}, argument={self._shown()!r})"

    def __str__(self) -> str:
        """Return the command as it may be shown and logged: secrets masked, control characters as "?"."""
        return f"{self.verb} {printable(self._shown())}" if self.argument else self.verb

    def _shown(self) -> str:
        return _MASK if self.verb in _SECRET else self.argument
