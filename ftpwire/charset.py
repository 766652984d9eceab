"""Names in an encoding from before UTF-8 (RFC 2640 asks for UTF-8; old clients know nothing of it).

What a client sends is UTF-8 when it is valid UTF-8, as text in another encoding hardly ever is by accident;
else it is read in the fallback. What it is sent is in the fallback. A character that the fallback lacks goes
out as its UTF-8 bytes, which come back as valid UTF-8: so every name that can be listed can be asked for.
Bytes that are neither survive as they are.
"""

import codecs

_ERRORS = "ftpwire-utf8-bytes"


def _as_utf8(error: UnicodeError) -> tuple[bytes, int]:
    """Encode what the encoding lacks as UTF-8, raw bytes as themselves."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].encode("utf-8", "surrogateescape"), error.end


codecs.register_error(_ERRORS, _as_utf8)


def known(encoding: str) -> bool:
    """Tell whether names can be in this encoding: it is a text encoding in which ASCII is ASCII."""
    try:
        return codecs.lookup(encoding)._is_text_encoding and "A /\r\n09".encode(encoding) == b"A /\r\n09"
    except (LookupError, UnicodeError):
        return False


class Charset:
    """Translates whole lines between UTF-8 and a fallback encoding."""

    __slots__ = ("encoding",)

    def __init__(self, encoding: str) -> None:
        """Raises LookupError when there is no such encoding."""
        self.encoding = codecs.lookup(encoding).name

    def inbound(self, line: bytes) -> bytes:
        """The UTF-8 of what a client sent."""
        if line.isascii():
            return line
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return line.decode(self.encoding, "surrogateescape").encode("utf-8", "surrogateescape")
        return line

    def outbound(self, text: bytes) -> bytes:
        """What to send a client for this UTF-8."""
        if text.isascii():
            return text
        return text.decode("utf-8", "surrogateescape").encode(self.encoding, _ERRORS)
