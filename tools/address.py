"""Gives the series another address on GitHub: badges, setup cells, README, citation and settings follow in one go.

    python tools/address.py OWNER/NAME

After it, a fork is a class's own: "Open in Colab" opens the fork, and the setup cell clones it.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
from atomic import write_atomically
from command import ends_quietly, fails_in_one_line

KINDS = {".cff", ".ipynb", ".md", ".py", ".toml", ".yaml", ".yml"}
SKIPPED = {".git", ".ipynb_checkpoints", ".venv", "__pycache__", "node_modules", "site", "venv"}


def change(root, new):
    """Writes the new address, "owner/name", in place of the old one. Returns the files that changed.

    root: a copy of the repository; its pyproject.toml knows the old address. Raises ValueError, in one line.
    """
    if not re.fullmatch(r"[A-Za-z\d][A-Za-z\d-]*/[\w.-]+", new):
        raise ValueError(f"the address is {new!r}; allowed: owner/name, as in https://github.com/owner/name.")
    settings = (root / "pyproject.toml").read_text(encoding="utf-8")
    old = tomllib.loads(settings)["tool"]["series"]["repository"]
    changed = []
    for path in sorted(root.rglob("*")):
        if path.suffix in KINDS and path.is_file() and not SKIPPED & set(path.relative_to(root).parts):
            before = path.read_bytes().decode("utf-8")
            after = replaced(before, old, new)
            if after != before:
                write_atomically(path, lambda file, text=after: file.write(text.encode("utf-8")))
                changed.append(path)
    return changed


def replaced(text, old, new):
    """The text with the new address: owner/name, owner.github.io/name, and the folder that the setup cell clones."""
    (old_owner, old_name), (owner, name) = old.split("/"), new.split("/")
    pairs = {old: new, f"{old_owner}.github.io/{old_name}": f"{owner}.github.io/{name}"}
    for quote in ('"', '\\"'):  # in Python; in a notebook, which is JSON
        pairs[f"Path({quote}{old_name}{quote})"] = f"Path({quote}{name}{quote})"
    for one, other in pairs.items():
        text = re.sub(rf"(?<![\w.-]){re.escape(one)}(?![\w-])", lambda match, other=other: other, text)
    return text


@ends_quietly()
@fails_in_one_line(OSError, ValueError)
def main(arguments=None):
    """Changes the address of this copy. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", help="owner/name on GitHub")
    changed = change(ROOT, parser.parse_args(arguments).repository)
    print(f"{len(changed)} files changed. Look at them with `git diff`, then commit and push them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
