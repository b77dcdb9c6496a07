#!/usr/bin/env python3
"""The HTML report in a browser: no console message, no request, every chart drawn, every control works.

usage: browser_test.py MEBM_ENGINE SCREENSHOTS      exit status 77 (skipped) where no Chromium is installed
"""
import json
import math
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

ENGINE, SCREENSHOTS = (pathlib.Path(word).resolve() for word in (sys.argv + [".", "."])[1:3])
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Nothing outside can be reached: names do not resolve, and what goes to an address goes to a closed port.
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--disable-background-networking")
HEADLESS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--virtual-time-budget=8000", "--enable-logging=stderr", *OFFLINE)

# Works the page's controls, then writes what it sees into <html data-probe>.
PROBE = """<script>
window.addEventListener("load", async () => {
  const painted = (canvas) => {
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const pixels = context.getImageData(0, 0, copy.width, copy.height).data;
    let count = 0;
    for (let at = 3; at < pixels.length; at += 4) count += pixels[at] > 0;
    return count / (canvas.width * canvas.height);
  };
  const look = () => [...document.querySelectorAll("canvas")].map((canvas) => [canvas.dataset.chart, painted(canvas)]);
  const seen = { canvases: look(), title: document.title, wide: document.documentElement.scrollWidth > innerWidth };
  const frame = () => new Promise((resolve) => setTimeout(resolve, 100));
  const values = async (canvas) => {
    const box = canvas.getBoundingClientRect();
    const place = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true };
    canvas.dispatchEvent(new MouseEvent("mousemove", place));
    await frame();
    const shown = Chart.getChart(canvas).tooltip;
    return shown.opacity > 0 ? [...shown.title, ...shown.body.flatMap((part) => part.lines)] : [];
  };
  const loss = document.querySelector("canvas[data-chart=loss]");
  seen.hover = loss ? await values(loss) : [];
  document.querySelectorAll("button").forEach((button) => button.click());
  document.querySelectorAll("select").forEach((select) => {
    select.value = select.options[select.options.length - 1].value;
    select.dispatchEvent(new Event("change"));
  });
  seen.hidden = look();
  document.querySelectorAll("button.run").forEach((button) => button.click());
  seen.again = look();
  document.querySelectorAll(".samples input").forEach((slider) => {
    slider.value = 0;
    slider.dispatchEvent(new Event("input"));
  });
  seen.grids = [...document.querySelectorAll(".samples figure")].map((grid) => grid.hidden);
  seen.images = [...document.images].map((image) => image.naturalWidth);
  document.documentElement.dataset.probe = JSON.stringify(seen);
});
</script></body>"""


def png(width, height, level):
    """A grey PNG with a gradient."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    rows = b"".join(b"\0" + bytes((level + x + y) % 256 for x in range(width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def metrics(lines, every, scale):
    """metrics.jsonl of a run that learns, with an evaluation every 400 iterations."""
    text = ""
    for at in range(0, lines * every, every):
        fall = math.exp(-at / (lines * every / 4))
        row = {"iteration": at, "epoch": at // 400, "loss": scale * (2 * fall + .2 * math.sin(at / 30)),
               "energy_positive": -.3 * (1 - fall), "energy_negative": .4 * (1 - fall) + .1 * math.sin(at / 50),
               "cross_entropy": 2.3 * fall + .3, "learning_rate": .1 * min(1, at / 1000),
               "gradient_norm": 1 + scale * fall + (20 if at == 12 * every else 0), "seconds": .2 + .02 * math.sin(at),
               "buffer_mean_age": at / 7, "buffer_variance": .3 + .1 * fall}
        if at and at % 400 == 0:
            row.update(validation_accuracy=.9 - .7 * fall, fd_ref=20 + 180 * fall)
        text += json.dumps(row) + "\n"
    return text


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def full_run(self, name, lines, every, scale):
        self.write(f"{name}/config.toml", 'recipe = "cifar10-mjem-k5"\n[data]\nvalidation = 5000\n[run]\nepochs = 20\niterations_per_epoch = 400\nevaluate_every = 1\n')
        self.write(f"{name}/run.log", "2026-01-01T00:00:00Z started at iteration 0 of 8000\n")
        self.write(f"{name}/metrics.jsonl", metrics(lines, every, scale) + '{"iteration": 99')
        for at in range(1, 5):
            self.write(f"{name}/samples/iteration-000{at}000.png", png(160, 60, 40 * at))
        self.write(f"{name}/analysis/tsne.png", png(120, 90, 99))
        self.write(f"{name}/incidents.jsonl", '{"iteration": 1200, "what": "rolled back", "attempt": 1}\n')
        bins = [{"count": 10 * b, "confidence": (b + .5) / 15, "accuracy": min(1, (b + .5) / 15 * scale)} for b in range(15)]
        self.write(f"{name}/evaluation.json", json.dumps(self.evaluation(bins)))

    @staticmethod
    def evaluation(bins):
        """As `evaluate --json` writes it."""
        rows = [{"samples": samples, "made": made, "count": 2000, "steps": 500, "filter": kept, "rounding": "truncated to uint8",
                 "extractor": "WRN-10-2 on cifar10", "extractor_sha256": 64 * "a", "reference": "training set, 50000 images",
                 "fd_ref": figure, "kid": {"mean": figure / 100, "deviation": .02}}
                for samples, made, kept, figure in (("fresh", "chains from p0", "none", 24.25), ("buffer", "whole buffer", "none", 28.5),
                                                    ("reference", "whole buffer", "top 90 % per predicted class", 26.125))]
        classes = {"accuracy": .87, "ece": .03, "reliability": {"largest_error": .1, "bins": bins}}
        return {"set": "cifar10", "split": "test", "count": 10000, "accuracy": .87, "ece": .03, "running": classes, "distances": rows}

    def report(self, *names):
        page = self.folder / "page.html"
        subprocess.run([ENGINE, "report", *(self.folder / name for name in names), "--out", page], check=True,
                       capture_output=True)
        return page

    def browse(self, page, *arguments):
        done = subprocess.run([BROWSER, *HEADLESS, f"--user-data-dir={self.folder / 'profile'}", *arguments, page.as_uri()],
                              capture_output=True, text=True, check=True, timeout=120)
        self.assertEqual([line for line in done.stderr.splitlines() if "CONSOLE" in line], [])
        return done.stdout

    def probe(self, page):
        """What the probe saw; the page had drawn every chart by then."""
        probed = self.folder / "probed.html"
        text = page.read_text()
        self.assertEqual(text.count("</body>"), 1)
        probed.write_text(text.replace("</body>", PROBE))
        dom = self.browse(probed, "--dump-dom")
        root = re.search(r"<html[^>]*>", dom).group(0)
        self.assertIn('data-report="drawn"', root)
        seen = re.search(r'data-probe="([^"]*)"', root).group(1)
        seen = json.loads(seen.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        self.assertIn(f'data-charts="{len(seen["canvases"])}"', root)
        for when in ("canvases", "hidden", "again"):
            for chart, share in seen[when]:
                self.assertGreater(share, .005, f"{chart} is blank ({when})")
        self.assertFalse(seen["wide"], "the page scrolls sideways")
        return seen

    def test_runs_overlaid(self):
        self.full_run("long", 3000, 1, 1)
        self.full_run("short", 200, 20, .6)
        page = self.report("long", "short")
        seen = self.probe(page)
        charts = [chart for chart, _ in seen["canvases"]]
        for wanted in ("loss", "energies", "energy_gap", "cross_entropy", "validation_accuracy", "fd_ref", "gradient_norm",
                       "learning_rate", "seconds", "buffer_mean_age", "buffer_variance", "reliability"):
            self.assertIn(wanted, charts)
        # Hiding both runs takes ink away, showing them brings it back.
        for (chart, shown), (_, hidden), (_, again) in zip(seen["canvases"], seen["hidden"], seen["again"]):
            if chart != "reliability":
                self.assertLess(hidden, shown, chart)
                self.assertLess(hidden, again, chart)
        # The pointer in the middle of 4000 iterations: both runs' values there, the long one's with its band.
        self.assertEqual(len(seen["hover"]), 3, seen["hover"])
        self.assertRegex(seen["hover"][1], r"^long: .* \(mean of 4; .* … .*\)$")
        self.assertRegex(seen["hover"][2], r"^short: -?[0-9.e-]+$")
        self.assertEqual(seen["grids"], 2 * [False, True, True, True])
        self.assertEqual(len(seen["images"]), 10)
        self.assertTrue(all(seen["images"]), "an image could not be read")
        self.screenshots(page)

    def screenshots(self, page):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for name, arguments in (("light", ("--window-size=1400,4900",)), ("narrow", ("--window-size=500,7200",)),
                                ("dark", ("--window-size=1400,4900", "--blink-settings=preferredColorScheme=0"))):
            shot = SCREENSHOTS / f"{name}.png"
            shot.unlink(missing_ok=True)
            self.browse(page, f"--screenshot={shot}", *arguments)
            self.assertGreater(shot.stat().st_size, 50000, name)

    def test_hostile_run(self):
        evil = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
        name = "a<b>\"c'&amp;"
        self.write(f"{name}/config.toml", f"# {evil}")
        self.write(f"{name}/metrics.jsonl", "".join(json.dumps({"iteration": at, "loss": 1, evil: at}) + "\n" for at in range(5)))
        self.write(f"{name}/evaluation.json", json.dumps({evil: evil}))
        self.write(f"{name}/incidents.jsonl", json.dumps({"iteration": 2, evil: evil}) + "\n")
        seen = self.probe(self.report(name))
        self.assertEqual(seen["title"], f"{name} – mebm_engine report")
        self.assertEqual(len(seen["canvases"]), 2)

    def test_run_without_anything(self):
        self.write("run/config.toml", "")
        self.assertEqual(self.probe(self.report("run"))["canvases"], [])


if __name__ == "__main__":
    if BROWSER is None:
        print("skipped: no Chromium; scripts/dependencies.sh install browser")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=1)
