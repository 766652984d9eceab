"""The package as a whole: importing all of it brings in nothing that does input or output."""

import subprocess
import sys

PROGRAM = """
import pkgutil, sys
before = set(sys.modules)
import ftpwire
for module in pkgutil.iter_modules(ftpwire.__path__):
    __import__(f"ftpwire.{module.name}")
print(*sorted(set(sys.modules) - before))
"""


def test_the_wire_brings_in_no_input_or_output() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {"ftpwire.line", "ftpwire.listing"} <= loaded
    assert loaded.isdisjoint({"asyncio", "socket", "select", "ssl", "logging", "subprocess", "threading"})
