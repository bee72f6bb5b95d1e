"""The report in a real browser: it renders without anything from outside, and right-to-left text runs right to left."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from invented_reports import report

from isogloss.evaluation.html import render_html

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
PROBE = """<script>
const rows = [...document.querySelectorAll('[dir=auto]')];
const rtl = rows.filter(e => getComputedStyle(e).direction === 'rtl' && /[\\u0590-\\u06ff]/.test(e.textContent));
const wrong = rows.filter(e => getComputedStyle(e).direction === 'rtl' && /^[\\s]*[A-Za-z]/.test(e.textContent));
document.title = `rtl ${rtl.length} wrong ${wrong.length} wide ${document.documentElement.scrollWidth > innerWidth}`;
</script>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_right_to_left_text_runs_right_to_left_and_nothing_overflows(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_html(report("tagging")).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = ["chromium", *FLAGS, profile, "--window-size=1100,900", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = done.stdout.split("<title>")[1].split("</title>")[0]
    words = title.split()
    assert int(words[1]) > 0
    assert (words[3], words[5]) == ("0", "false")
