"""The accelerator of listings (C). All else about the package stands in pyproject.toml.

Where it cannot be built, as there is no compiler or no Python.h, it is left out: listings are the same without it, and
take twice as long.
"""

from setuptools import Extension, setup

setup(ext_modules=[Extension("ftpserver.storage._lines", ["ftpserver/storage/_lines.c"], optional=True)])
