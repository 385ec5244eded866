"""Chromium without a window, by the protocol of its developer tools."""

import base64
import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.request

import websocket  # websocket-client

# Seconds that the browser may take to start, or to answer.
PATIENCE = 60


class Chromium:
    """A browser with one page, and everything that it has said of it."""

    def __init__(self, address):
        with urllib.request.urlopen(urllib.request.Request(f"{address}/json/new?about:blank", method="PUT")) as answer:
            place = json.load(answer)["webSocketDebuggerUrl"]
        self.connection = websocket.create_connection(place, timeout=PATIENCE, max_size=None)
        self.number = 0
        self.events = []
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")

    def receive(self):
        """The next message."""
        message = json.loads(self.connection.recv())
        if "method" in message:
            self.events.append(message)
        return message

    def call(self, method, **parameters):
        """The result of a command."""
        self.number += 1
        self.connection.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                if "error" in message:
                    raise ValueError(f"{method}: {message['error']}")
                return message["result"]

    def evaluate(self, expression):
        """The value of an expression in the page, or of its promise."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise ValueError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def size(self, width, height=900, scheme="light", script=True):
        """How the next pages are shown."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media="", features=features)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def open(self, path):
        """Opens a file, and returns the seconds until it was loaded."""
        self.events.clear()
        start = time.monotonic()
        self.call("Page.navigate", url="file://" + urllib.request.pathname2url(os.path.abspath(path)))
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.receive()
        return time.monotonic() - start

    def trouble(self):
        """What the console and the developer tools complain of, and what was requested beside the page."""
        # Not by a promise: without scripts the page has no timers.
        time.sleep(0.2)
        self.call("Page.getLayoutMetrics")
        found, page = [], None
        for event in self.events:
            method, parameters = event["method"], event["params"]
            if method == "Network.requestWillBeSent":
                address = parameters["request"]["url"]
                page = page or address
                if address != page and not address.startswith("data:"):
                    found.append(f"request: {address[:200]}")
            elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(f"{method}: {json.dumps(parameters)[:500]}")
            elif method == "Audits.issueAdded" and parameters["issue"]["code"] == "ContentSecurityPolicyIssue":
                found.append(f"policy: {json.dumps(parameters)[:500]}")
        return found

    def screenshot(self, path, height=None):
        """Writes a picture of the whole page, or of so much of it."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height or 1e9), "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def print(self, path):
        """Writes the page as it is printed, in PDF."""
        paper = self.call("Page.printToPDF", preferCSSPageSize=False, paperWidth=8.27, paperHeight=11.69, printBackground=False)
        with open(path, "wb") as file:
            file.write(base64.b64decode(paper["data"]))


@contextlib.contextmanager
def chromium(path):
    """A browser that ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={profile}", "about:blank"]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port, end = None, time.monotonic() + PATIENCE
            while port is None:
                if time.monotonic() > end:
                    raise TimeoutError("Chromium did not start")
                time.sleep(0.1)
                with contextlib.suppress(OSError, IndexError):
                    with open(os.path.join(profile, "DevToolsActivePort"), encoding="ascii") as file:
                        port = file.read().split()[0]
            yield Chromium(f"http://127.0.0.1:{port}")
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
