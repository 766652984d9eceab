"""What a user is told of the quota: a sentence when it is nearly full, on login and after an upload.

The thresholds are 80, 90 and 100 percent. The operator gets an event when a session sees one passed.
"""

import logging

from ftpserver.config.sizes import format_size
from ftpserver.log import event
from ftpserver.quota.base import LedgerFault, Uncounted
from ftpserver.session import Session

logger = logging.getLogger(__name__)

THRESHOLDS = (80, 90, 100)


def notice(session: Session) -> str:
    """A sentence with a blank before it, or nothing."""
    try:
        fullness = session.home.fullness()
    except (Uncounted, LedgerFault):
        return ""
    if fullness is None or fullness.percent < THRESHOLDS[0]:
        session.warned = 0
        return ""
    passed = max(t for t in THRESHOLDS if fullness.percent >= t)
    if passed > session.warned:
        event(
            logger,
            logging.WARNING,
            "quota nearly full" if passed < 100 else "quota full",
            user=session.account.name,
            percent=fullness.percent,
            used=fullness.used,
            limit=fullness.limit,
        )
    session.warned = passed
    used, limit = fullness.used, fullness.limit
    if fullness.unit == "bytes":
        return f" {fullness.percent} % of the quota is used: {format_size(used)} of {format_size(limit)}."
    return f" {fullness.percent} % of the quota is used: {used} of {limit} entries."
