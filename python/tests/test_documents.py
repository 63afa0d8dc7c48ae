"""The Python programs in the documents run as printed, each document in one directory and one namespace."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from contexta.compat import _session

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("document", ["README.md", "python/README.md", "docs/PYTHON.md"])
def test_programs_of_the_documents(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _session._opened.clear()
    text = (ROOT / document).read_text("utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert programs
    namespace: dict[str, object] = {"__name__": "__main__"}
    for program in programs:
        line = text[: text.index(program)].count("\n")
        # The line numbers of a traceback are those of the document.
        exec(compile("\n" * line + program, document, "exec"), namespace)
    assert "contexta" in sys.modules
