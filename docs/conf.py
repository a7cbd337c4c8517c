"""How Sphinx makes the site: ``make site``, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(ROOT))

import rooms_diagram  # noqa: E402

import nepsbench  # noqa: E402

project = "nepsbench"
author = "the nepsbench team"
version = release = nepsbench.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "index"
exclude_patterns = ["site"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
#: What the pages need is here; what a documented function would load need not be.
autodoc_mock_imports = ["catboost", "mlflow", "smac", "optuna", "ConfigSpace"]
#: Links to a folder of the clone have no page.
suppress_warnings = ["myst.xref_missing"]
html_theme = "furo"
html_title = f"nepsbench {version}"
html_show_sphinx = False

rooms_diagram.write(Path(__file__).parent / "pictures" / "rooms.svg")
