"""browsers.py CHROMIUM FIREFOX HAR...: has the developer tools of both browsers import each HAR file, by the code that
their "Import HAR" runs. Both start without a window and read nothing from a network. Fails where an import fails, or
gives another number of requests than the file has entries."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import websocket  # websocket-client

# Seconds that a browser may take to start, or to import one file.
PATIENCE = 120


@contextlib.contextmanager
def program(command, **options):
    """A program that ends with the block."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def until(ready):
    """The first result of `ready` that is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            found = ready()
            if found:
                return found
        time.sleep(0.1)
    raise TimeoutError("the browser did not start")


CHROMIUM_IMPORT = """
(async () => {
    const har = await import('devtools://devtools/bundled/models/har/har.js');
    const root = new har.HARFormat.HARRoot(JSON.parse(TEXT));
    return har.Importer.Importer.requestsFromHARLog(root.log).length;
})()
"""


def chromium(path, files):
    """Imports the files in Chromium, by the protocol of its developer tools."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={profile}", "about:blank"]
        with program(command):
            def port():
                with open(os.path.join(profile, "DevToolsActivePort"), encoding="ascii") as file:
                    return file.read().split()[:1]

            address = f"http://127.0.0.1:{until(port)[0]}/json/new?devtools://devtools/bundled/inspector.html"
            request = urllib.request.Request(address, method="PUT")
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                tools = json.load(answer)["webSocketDebuggerUrl"]
            connection = websocket.create_connection(tools, timeout=PATIENCE)

            def evaluate(number, expression):
                parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
                connection.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": parameters}))
                while True:
                    message = json.loads(connection.recv())
                    if message.get("id") == number:
                        break
                if "exceptionDetails" in message.get("result", {}):
                    raise ValueError(message["result"]["exceptionDetails"]["exception"]["description"])
                return message["result"]["result"].get("value")

            until(lambda: evaluate(0, "location.protocol") == "devtools:")
            for number, file in enumerate(files, 1):
                with open(file, encoding="utf-8") as text:
                    yield file, evaluate(number, CHROMIUM_IMPORT.replace("TEXT", json.dumps(text.read())))


FIREFOX_IMPORT = """
const { require } = ChromeUtils.importESModule("resource://devtools/shared/loader/Loader.sys.mjs");
const { HarImporter } = require("devtools/client/netmonitor/src/har/har-importer");
let requests = 0;
const actions = { clearRequests() {}, addRequest() { requests++; }, updateRequest() {}, addTimingMarker() {} };
new HarImporter(actions).import(arguments[0]);
return requests;
"""


def firefox(path, files):
    """Imports the files in Firefox, by its remote protocol (Marionette)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        with open(os.path.join(profile, "user.js"), "w", encoding="ascii") as preferences:
            preferences.write(f'user_pref("marionette.port", {port});\n')
        command = [path, "--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
        with program([*command, "--profile", profile], env={**os.environ, "HOME": profile}):
            connection = until(lambda: socket.create_connection(("127.0.0.1", port), PATIENCE))
            stream = connection.makefile("rwb")

            def receive():
                length = b""
                while not length.endswith(b":"):
                    byte = stream.read(1)
                    if not byte:
                        raise ValueError("Firefox closed the connection")
                    length += byte
                return json.loads(stream.read(int(length[:-1])))

            def call(number, command, parameters):
                message = json.dumps([0, number, command, parameters]).encode()
                stream.write(b"%d:%s" % (len(message), message))
                stream.flush()
                _, _, error, result = receive()
                if error:
                    raise ValueError(error["message"])
                return result["value"] if "value" in result else result

            receive()
            call(1, "WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"script": PATIENCE * 1000}}}})
            call(2, "Marionette:SetContext", {"value": "chrome"})
            for number, file in enumerate(files, 3):
                with open(file, encoding="utf-8") as text:
                    arguments = {"script": FIREFOX_IMPORT, "args": [text.read()], "sandbox": "system"}
                yield file, call(number, "WebDriver:ExecuteScript", arguments)


def main():
    """Counts what each browser imports."""
    chromium_path, firefox_path, *files = sys.argv[1:]
    if not files:
        sys.exit("browsers.py: no files")
    entries = {}
    for file in files:
        with open(file, encoding="utf-8") as text:
            entries[file] = len(json.load(text)["log"]["entries"])
    for name, browser in [("Chromium", chromium(chromium_path, files)), ("Firefox", firefox(firefox_path, files))]:
        total = 0
        for file, requests in browser:
            if requests != entries[file]:
                sys.exit(f"{name}: {file}: {requests} requests of {entries[file]} entries")
            total += requests
        print(f"{name}: {len(files)} files, {total} exchanges")


main()
