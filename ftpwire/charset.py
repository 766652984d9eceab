"""Names in an encoding from before UTF-8 (RFC 2640 asks for UTF-8; old clients know nothing of it).

What a client sends is UTF-8 when it is valid UTF-8, as text in another encoding hardly ever is by accident;
else it is read in the fallback. What it is sent is in the fallback, line by line; but a line goes out as UTF-8, which
comes back as that, when the fallback lacks one of its characters, or has it look like UTF-8. A byte of a name that is
no UTF-8 on the disk goes out so too, as a character that nobody uses (U+10F700 and the byte), since in the fallback it
would come back as a letter. So every name that can be listed can be asked for.
"""

import codecs

_UNUSED = 0x10F700
_SURROGATES = 0xDC00  # what surrogateescape makes of a byte
_SHOWN = {_SURROGATES + byte: _UNUSED + byte for byte in range(0x80, 0x100)}
_MEANT = {shown: surrogate for surrogate, shown in _SHOWN.items()}


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
            text = line.decode("utf-8").translate(_MEANT)
        except UnicodeDecodeError:
            text = line.decode(self.encoding, "surrogateescape")
        return text.encode("utf-8", "surrogateescape")

    def outbound(self, text: bytes) -> bytes:
        """What to send a client for this UTF-8, which may be many lines."""
        if text.isascii():
            return text
        return b"\n".join(self._line(line) for line in text.split(b"\n"))

    def _line(self, line: bytes) -> bytes:
        if line.isascii():
            return line
        text = line.decode("utf-8", "surrogateescape")
        try:
            encoded = text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.translate(_SHOWN).encode("utf-8")
        return text.encode("utf-8") if _is_utf8(encoded) else encoded


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
