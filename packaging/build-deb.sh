#!/bin/bash
# build-deb.sh [DIRECTORY]: a Debian package of this tree, with the Python libraries it needs, in DIRECTORY (dist).
# PYTHON is the interpreter it is for (/usr/bin/python3, the distribution's). Needs dpkg-dev, gcc, libvirt-dev,
# python3-dev and python3-venv.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$(realpath -m "${1:-dist}")
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
lib=$root/usr/lib/virtcim

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$python is older than 3.11" >&2; exit 1; }
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/virtcim/__init__.py | sed 's/\.dev/~dev/')
architecture=$(dpkg --print-architecture)

"$python" -m venv "$work/venv"
# The binding of libvirt is compiled here, against the library that the package depends on.
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$lib" '.[pam]'
rm -rf "$lib/bin"
PYTHONPATH=$lib "$work/venv/bin/python" -m virtcim.precompiled
find "$lib" -depth \( -name __pycache__ -o -name tests -o -name test \) -type d -exec rm -rf {} +
# Only root writes there, so the compiled files need not be compared with the sources.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$root" "$lib" > /dev/null || true

install -d "$root/usr/bin" "$root/usr/share/doc/virtcim" "$root/DEBIAN"
cat > "$root/usr/bin/virtcim" << LAUNCHER
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/usr/lib/virtcim")
from virtcim.__main__ import main

main()
LAUNCHER
chmod 755 "$root/usr/bin/virtcim"
install -D -m 0644 packaging/virtcim.service "$root/lib/systemd/system/virtcim.service"
install -D -m 0644 packaging/virtcim.yaml "$root/etc/virtcim/virtcim.yaml"
install -m 0644 packaging/access.yaml "$root/etc/virtcim/access.yaml"
install -D -m 0644 packaging/virtcim.pam "$root/etc/pam.d/virtcim"
install -m 0644 docs/*.md CHANGELOG.md "$root/usr/share/doc/virtcim/"
install -m 0644 LICENSE "$root/usr/share/doc/virtcim/copyright"

install -m 0755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
install -m 0644 packaging/debian/conffiles "$root/DEBIAN/"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$(du -sk "$root" | cut -f1)/" \
    -e "s/@PYTHON@/3.$minor/" -e "s/@NEXT_PYTHON@/3.$((minor + 1))/" packaging/debian/control.in > "$root/DEBIAN/control"

mkdir -p "$dist"
dpkg-deb --root-owner-group --build "$root" "$dist/virtcim_${version}_$architecture.deb"
