#!/usr/bin/python3
"""Writes the man pages and the bash completion of the linnet command from what it says of itself (--help).

usage: command_manual.py OUTPUT-FOLDER VERSION [EMULATOR…] LINNET
Writes linnet.1, linnet-COMMAND.1 and linnet.bash. SOURCE_DATE_EPOCH dates the pages.
"""
import datetime
import os
import pathlib
import re
import subprocess
import sys

LIST_TITLES = ("Arguments:", "Options:", "Subcommands:")
ENTRY = re.compile(r"^  (\S.*?)(?: {2,}(\S.*))?$")


def ask(command, *words):
    return subprocess.run([*command, *words, "--help"], check=True, capture_output=True, text=True).stdout


class Page:
    """The parts of one --help: summary, usage, {title: [(entry, description)]}, details (the lines after the lists)."""

    def __init__(self, text):
        lines = text.rstrip().splitlines()
        self.summary, self.lists, self.details = lines[0], {}, []
        self.usage = next(line.removeprefix("Usage: ") for line in lines if line.startswith("Usage: "))
        entries = None
        for line in lines[1:]:
            if line in LIST_TITLES and not self.details:
                entries = self.lists.setdefault(line, [])
            elif entries is not None and line.startswith("  "):
                self._entry(entries, line)
            elif line and not line.startswith("Usage: ") or self.details:
                entries = None
                self.details.append(line)

    @staticmethod
    def _entry(entries, line):
        match = ENTRY.match(line)
        if match:
            entries.append((match[1], match[2] or ""))
        else:  # The description goes on.
            name, description = entries[-1]
            entries[-1] = (name, f"{description} {line.strip()}".strip())

    def options(self):
        """Every spelling of every option, with whether a value follows."""
        for entry, _ in self.lists.get("Options:", []):
            names, _, value = entry.partition(" ")
            for name in names.split(","):
                yield name, value


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def roff_details(lines):
    """Paragraphs as they are; indented lines as they stand."""
    out, literal = [], False
    for line in lines:
        if line.startswith(" ") != literal and line:
            literal = not literal
            out.append(".PP\n.nf" if literal else ".fi")
        out.append(roff(line) if line else ".PP")
    return out + [".fi"] * literal


def man_page(name, page, version, commands):
    date = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    out = [f'.TH {roff(name.upper())} 1 {date:%Y\\-%m\\-%d} "Linnet {version}" "Linnet manual"',
           ".SH NAME", f"{roff(name)} \\- {roff(page.summary[0].lower() + page.summary[1:].rstrip('.'))}",
           ".SH SYNOPSIS", ".nf", f".B {roff(page.usage)}", ".fi", ".SH DESCRIPTION", roff(page.summary)]
    for title, entries in page.lists.items():
        out.append(f".SH {title.rstrip(':').upper()}")
        for entry, description in entries:
            out += [".TP", f".B {roff(entry)}", roff(description)]
    if page.details:
        out += [".SH NOTES", *roff_details(page.details)]
    others = [other for other in ["linnet", *(f"linnet-{command}" for command in commands)] if other != name]
    out += [".SH SEE ALSO", ",\n".join(f".BR {roff(other)} (1)" for other in others)]
    return "\n".join(out) + "\n"


def completion(pages):
    """Commands, then each command's options; files where an option's value is one or no option begins."""
    top = " ".join([*(command for command in pages if command), *(name for name, _ in pages[""].options())])
    cases = []
    for command, page in pages.items():
        if command:
            words = " ".join(name for name, _ in page.options())
            cases.append(f"    {command}) options='{words}' ;;")
    return f"""# bash completion of linnet; written by packaging/man/command_manual.py from its --help.
_linnet() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} options
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '{top}' -- "$current")
    return
  fi
  case ${{COMP_WORDS[1]}} in
{chr(10).join(cases)}
  esac
  case $current in
    -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}}
complete -o filenames -F _linnet linnet
"""


def main():
    folder, version, command = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"": Page(ask(command))}
    commands = [name for name, _ in pages[""].lists["Subcommands:"]]
    for name in commands:
        pages[name] = Page(ask(command, name))
    for name, page in pages.items():
        title = f"linnet-{name}" if name else "linnet"
        (folder / f"{title}.1").write_text(man_page(title, page, version, commands))
    (folder / "linnet.bash").write_text(completion(pages))


if __name__ == "__main__":
    main()
