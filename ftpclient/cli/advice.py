"""What a person can do about a failure, in the words of the command line.

The library says what is wrong and knows no options; here stands which option helps. No advice is better than a
guess: a row is for a cause that always has that way out.
"""

from ftpclient.errors import Untrusted

_ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (Untrusted, "--cafile FILE trusts the certificates in a file, --insecure trusts whoever answers"),
    (IsADirectoryError, "get, put and rm take a directory with -r"),
)


def advice(fault: BaseException) -> str | None:
    """Say which option helps, if one does."""
    return next((text for kind, text in _ADVICE if isinstance(fault, kind)), None)
