"""Text that cannot forge a line: control characters become "?".

A file name may hold CR, LF or ESC. Sent raw, it could end a reply early, add a line to a listing or steer a
terminal. Every line we say passes its text through here: C0 (but TAB, which moves nothing but the cursor),
DEL and C1. Bytes that are not UTF-8 (`surrogateescape`) stay, they are part of the name.
"""

_CONTROLS = {code: "?" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}


def printable(text: str) -> str:
    """Return the text with "?" in place of each control character."""
    return text if text.isprintable() else text.translate(_CONTROLS)
