"""The accelerator of listings, built from the source in the checkout with every warning an error.

So the tests try what is written, not what somebody installed, and also where nothing is installed.
"""

import subprocess
import sysconfig
import tempfile
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.service import ROOT

SOURCE = ROOT / "ftpserver" / "storage" / "_lines.c"


@cache
def accelerator() -> ModuleType:
    """Build it, once a process; the test fails where Python came without its headers."""
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        pytest.fail("Python.h is not there: see .ci/run for its package", pytrace=False)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "_lines.so"
        warnings = ("-Wall", "-Wextra", "-Werror")
        command = ["gcc", "-O2", *warnings, "-shared", "-fPIC", f"-I{headers}", SOURCE, "-o", library]
        subprocess.run(command, check=True)
        spec = spec_from_file_location("ftpserver.storage._lines", library)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return module
