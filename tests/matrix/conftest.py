# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the comparison share with those of the interface."""
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# tests/api/conftest.py has the real program; its name is this file's too, so it is loaded by its place.
_spec = importlib.util.spec_from_file_location("api_conftest", HERE.parent / "api" / "conftest.py")
api = importlib.util.module_from_spec(_spec)
sys.modules["api_conftest"] = api
_spec.loader.exec_module(api)
