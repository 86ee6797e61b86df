#!/bin/bash
# setup-venv.sh: make .venv with virtcim installed from this tree (editable) and the tools of its tests, and compile
# its modules and its MOF. What was made from the present pyproject.toml, or the present MOF, stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

# made_from FILE WHAT: whether FILE says that something was made from WHAT
made_from() { [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]; }

stamp=.venv/made-from
wanted=$(sha256sum pyproject.toml)
if ! made_from $stamp "$wanted"; then
    python=$(scripts/find-python.sh) || { echo "virtcim needs Python 3.11 or newer" >&2; exit 1; }
    echo "Setting up .venv with $python"
    rm -f $stamp
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
    .venv/bin/python -m compileall -q src/virtcim
    echo "$wanted" > $stamp
fi

stamp=mof/.compiled/made-from
wanted=$(find mof -name '*.mof' -print0 | sort -z | xargs -0 cat | sha256sum)
if ! made_from $stamp "$wanted"; then
    .venv/bin/python -m virtcim.precompiled
    echo "$wanted" > $stamp
fi
