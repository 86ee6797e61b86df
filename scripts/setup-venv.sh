#!/bin/bash
# setup-venv.sh: make .venv with virtcim installed from this tree (editable) and the tools of its tests; compile its MOF.
# Does nothing when .venv was made from the present pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv/made-from
wanted=$(sha256sum pyproject.toml)
[ -e $stamp ] && [ "$(cat $stamp)" = "$wanted" ] && exit 0

python=$(scripts/find-python.sh) || { echo "virtcim needs Python 3.11 or newer" >&2; exit 1; }
echo "Setting up .venv with $python"
rm -f $stamp
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
.venv/bin/python -m virtcim.precompiled
echo "$wanted" > $stamp
