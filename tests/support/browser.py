"""Drives a headless Chromium over WebDriver's HTTP interface, with the standard library alone."""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
_TAB = "\ue004"
PROGRAMS = {name: shutil.which(name) for name in ("chromium", "chromedriver")}


class Browser:
    """A browser to be used in a ``with`` statement."""

    def __enter__(self):
        self._profile = tempfile.mkdtemp()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [PROGRAMS["chromedriver"], f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._root = f"http://127.0.0.1:{port}"
        self._session = ""
        # The proxy of the environment is not for this machine itself.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        try:
            self._wait()
            options = {
                "binary": PROGRAMS["chromium"],
                "args": [*_FLAGS, f"--user-data-dir={self._profile}"],
            }
            wanted = {
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            found = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{found['sessionId']}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self._session:
                self.ask("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(20)
            shutil.rmtree(self._profile, ignore_errors=True)

    def ask(self, method, path, body=None):
        """One request to the driver."""
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._root + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with self._open(request, timeout=90) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:500]) from error

    def go(self, url, width=1280, height=900):
        """Opens a page in a window of that size, however small."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script):
        """The value that JavaScript returns."""
        return self.ask("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def press(self, *keys):
        """Presses keys one after the other, without a mouse."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keys", "actions": steps}]}
        self.ask("POST", f"{self._session}/actions", body)

    def tab(self):
        """Presses Tab."""
        self.press(_TAB)

    def console(self):
        """What the page has written to the console, errors of its policy included."""
        return self.ask("POST", f"{self._session}/se/log", {"type": "browser"})

    def requests(self):
        """The addresses that the page has asked for."""
        entries = self.ask("POST", f"{self._session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [e for e in events if e["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def command(self, name, parameters):
        """A command of the developer tools."""
        body = {"cmd": name, "params": parameters}
        return self.ask("POST", f"{self._session}/goog/cdp/execute", body)

    def screenshot(self, path):
        """Writes a picture of the whole page."""
        found = self.command("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(found["data"]))

    def _wait(self):
        for _ in range(200):
            try:
                if self.ask("GET", "/status")["ready"]:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.05)
        raise RuntimeError("chromedriver did not start")
