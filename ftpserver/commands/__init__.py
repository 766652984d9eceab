"""The verbs, grouped by the topics of the RFCs; a new verb is a decorated function in the module of its topic.

Here the topics are merged into the one table, and the verbs that read the whole table are added: FEAT, HELP and SITE.
"""

from ftpserver.commands import (
    access,
    copying,
    directory,
    files,
    inform,
    integrity,
    listing,
    parameters,
    security,
    site,
    transfer,
)
from ftpserver.commands.arguments import nothing, text
from ftpserver.commands.table import Row, Table
from ftpserver.outcome import Outcome
from ftpserver.refusal import refuse
from ftpserver.session import Peer
from ftpwire.reply import Reply

verbs = Table()
"""Every verb of the service."""

for _topic in (access, security, parameters, directory, files, transfer, listing, integrity, copying, inform):
    verbs.merge(_topic.table)

site_verbs = site.table
site_verbs.merge(copying.site_table)
"""The subcommands of SITE."""


@verbs.anyone("FEAT", nothing, "FEAT")
def feat(peer: Peer, argument: None) -> Outcome:
    """The features of every row (RFC 2389 section 3)."""
    lines = []
    for row in (*verbs, *site_verbs):
        for feature in row.features:
            line = feature if isinstance(feature, str) else feature(peer)
            if line:
                lines.append(line)
    return Reply(211, ("Features:", *sorted(lines), "End"))


@verbs.anyone("HELP", text, "HELP [command]")
def help_(peer: Peer, argument: str) -> Outcome:
    """All verbs, or the syntax of one."""
    words = argument.upper().split()
    if not words:
        names = verbs.verbs()
        rows = [" ".join(f"{name:<5}" for name in names[i : i + 10]) for i in range(0, len(names), 10)]
        return Reply(214, ("These commands are known:", *rows, "HELP <command> tells more."))
    row = _find(words)
    if row is None:
        raise refuse(501, "No such command; HELP lists them.")
    return Reply(214, (row.syntax,))


def _find(words: list[str]) -> Row | None:
    if words[0] == "SITE" and len(words) > 1:
        return site_verbs.get(words[1])
    return verbs.get(words[0])


@verbs.anyone("SITE", text, "SITE <command>")
def _site(peer: Peer, argument: str) -> Outcome:
    """Dispatch hands SITE on to the table of its subcommands; this answers when none is named."""
    raise refuse(501, "SITE needs a command; SITE HELP lists them.")
