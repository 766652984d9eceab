"""Settings that are read again while the service runs: what counts at once, and what needs a restart.

The reference (docs/configuration.md) marks with (r) what stands in `RESTART`.
"""

from functools import reduce

from ftpserver.config.settings import Settings

RESTART = (
    "listen",
    "passive.ports",
    "trusted_proxies",
    "reconcile_seconds",
    "accounts",
    "homes",
    "state",
    "workers",
    "tls.mode",
    "tls.certificate",
    "tls.private_key",
    "tls.data_session_reuse",
    "tls.client_ca",
)
"""What is settled when the service starts; of a certificate that is the name of the file, not what stands in it."""


def renewed(settings: Settings) -> tuple[Settings, list[str]]:
    """Return the settings that count now, and the keys whose new values count after a restart only. Raises Faulty."""
    fresh = settings.reread()
    waiting = [key for key in RESTART if _value(fresh, key) != _value(settings, key)]
    kept = {key: _value(settings, key) for key in RESTART if "." not in key}
    kept["passive"] = fresh.passive.model_copy(update={"ports": settings.passive.ports})
    kept["tls"] = settings.tls
    return fresh.model_copy(update=kept), waiting


def _value(settings: Settings, key: str) -> object:
    return reduce(getattr, key.split("."), settings)
