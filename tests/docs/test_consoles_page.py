"""docs/consoles.md: its program says what the page shows."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

from tests.docs.markdown import DOCS, blocks
from tests.docs.old_client import OldClient

PAGE = DOCS / "consoles.md"


def test_the_program_prints_what_is_shown(reader: OldClient) -> None:
    (program,), (shown,) = blocks(PAGE, "python"), blocks(PAGE, "text")
    place = urlsplit(reader.connection.url).netloc
    text = program.text.replace("127.0.0.1:5988", place)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (shown.text, "")


def test_the_filter_that_is_named_is_there(reader: OldClient) -> None:
    names = {one["Name"] for one in reader.connection.EnumerateInstanceNames("CIM_IndicationFilter", "interop")}
    assert "virtcim:KVM Redirection:ConsoleStateChange" in names
