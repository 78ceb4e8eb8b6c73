"""The unit's sandbox, and the configurations that are shipped."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
PACKAGING = SOURCE / "packaging"
UNIT = PACKAGING / "systemd" / "linnetd.service"
# How config.cc reads a key: through the reader, or through a function of its own that takes it.
KEY = re.compile(r'(?:\b(?:text|texts|integer|number|boolean|one_of|table|each_named|each_text|each)\(|, |count\()"([a-z_]+)"[,)]')
NOT_KEYS = {"input", "output", "disabled", "rising", "falling", "re"}  # Values of one_of; how a file is opened.


def check(folder):
    return subprocess.run([os.environ["LINNETD_BIN"], "--check", "-c", f"{folder}/linnetd.toml"],
                          capture_output=True, text=True, timeout=60)


class Service(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_unit_is_exposed_at_most_2_0(self):
        run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout[-200:] + run.stderr)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_with_a_gpu_it_is_exposed_at_most_2_5(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = shutil.copy(UNIT, folder)
            shutil.copytree(UNIT.with_suffix(".service.d"), f"{unit}.d")
            run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", unit],
                                 capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout[-200:] + run.stderr)
        self.assertIn("/dev/nvmap:rw", run.stdout, "the drop-in was not read")

    def test_apparmor_allows_what_the_sources_read_of_the_kernel(self):
        profile = (PACKAGING / "apparmor" / "usr.sbin.linnetd").read_text()
        rules = [rule.replace("@{PROC}", "/proc").replace("@{pid}", "self") for rule in
                 re.findall(r"^ *(?:owner )?(/\S+|@\{PROC\}\S+) r\w*,$", profile, re.MULTILINE)]
        globs = [re.compile(re.escape(rule).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")) for rule in rules]
        named = set()
        for folder in ("hal", "runtime"):
            for source in (SOURCE / folder).rglob("*.cc"):
                if "cli" not in source.parts and "limits" not in source.parts:  # Of `linnet`, which has no profile.
                    named |= set(re.findall(r'"(/(?:proc|sys)/[^"* ]*[^"* :])"', source.read_text()))
        self.assertIn("/proc/self/statm", named)
        for path in sorted(named):
            # A class's entries are links to devices. A name may be a folder, or the beginning of what is put together.
            path = re.sub(r"^/sys/class/\w+/", "/sys/devices/", path)
            allowed = [rule for rule, glob in zip(rules, globs)
                       if glob.fullmatch(path) or glob.fullmatch(path + "/") or rule.startswith(path)]
            self.assertTrue(allowed, f"packaging/apparmor does not let linnetd read {path}")

    def test_what_the_product_needs_is_not_taken_away(self):
        lines = UNIT.read_text().splitlines()
        self.assertIn("SystemCallErrorNumber=EPERM", lines)  # A refused call is an error to handle, not a kill.
        self.assertIn("DeviceAllow=char-gpiochip rw", lines)
        self.assertFalse([line for line in lines if line.startswith("SystemCallFilter=~") and "@resources" in line])

    def test_it_does_not_start_unconfigured(self):
        self.assertIn("ConditionPathExistsGlob=/etc/linnet/conf.d/*.toml", UNIT.read_text())

    def test_the_shipped_configurations_have_no_faults(self):
        daemonset = (PACKAGING / "container" / "daemonset.yaml").read_text()
        config_map = re.search(r"device\.toml: \|\n((?:    .*\n)+)", daemonset)[1].replace("    ", "")
        device = (PACKAGING / "daemon" / "device.toml").read_text()
        # The commented line and rule belong to the example: they must be right when someone takes the marks away.
        uncommented = re.sub(r"(?m)^# (?=\[|\w+ = )", "", device[device.index("# A GPIO line"):])
        for text in (device, uncommented, (PACKAGING / "container" / "linnet.toml").read_text(), config_map, ""):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(PACKAGING / "daemon" / "linnetd.toml", folder)
                os.mkdir(f"{folder}/conf.d")
                pathlib.Path(f"{folder}/conf.d/device.toml").write_text(text or "# nothing\n")
                run = check(folder)
                self.assertEqual((run.returncode, run.stderr), (0, ""), text)

    def test_the_manual_tells_every_key(self):
        page = (PACKAGING / "man" / "linnetd.toml.5.md").read_text()
        told = set(re.findall(r"\*\*(\w+)\*\*", page)) | set(re.findall(r"(?<=[\[.])\w+(?=[\].])", page))
        keys = set(KEY.findall((SOURCE / "runtime/daemon/config.cc").read_text())) - NOT_KEYS
        self.assertGreater(len(keys), 40)
        self.assertEqual(keys - told, set())


if __name__ == "__main__":
    unittest.main()
