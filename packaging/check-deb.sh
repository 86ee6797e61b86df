#!/bin/bash
# check-deb.sh FILE.deb [SUITE]: install the package in a fresh Debian (bookworm), run it there, and purge it. Needs root
# and debootstrap.
set -euo pipefail
deb=$(realpath "$1")
suite=${2:-bookworm}
chroot=$(mktemp -d)
inside() { chroot "$chroot" env DEBIAN_FRONTEND=noninteractive "$@"; }
clean() {
    umount "$chroot/proc" 2> /dev/null || true
    rm -rf --one-file-system "$chroot"
}
trap clean EXIT

chmod 755 "$chroot" # the server runs as a user of its own
debootstrap --variant=minbase "$suite" "$chroot" > /dev/null
mount -t proc proc "$chroot/proc"
cp "$deb" "$chroot/virtcim.deb"
inside apt-get install -y -qq --no-install-recommends /virtcim.deb > /dev/null
inside virtcim --version
inside getent passwd virtcim

# The settings as installed, but on the embedded node: there is no libvirtd here. The network is its own.
unshare --net sh -ec 'ip link set lo up; exec chroot "$@"' sh "$chroot" sh -ec '
    VIRTCIM_NEW_PASSWORD=secret virtcim password /etc/virtcim/users alice
    [ "$(stat -c "%a %U %G" /etc/virtcim/users)" = "640 root virtcim" ]
    sed -i "/^connect:/d" /etc/virtcim/virtcim.yaml
    sed -i "s/^users: {}/users: {alice: reader}/" /etc/virtcim/access.yaml
    install -d -o virtcim -g virtcim /run/virtcim /var/lib/virtcim
    setpriv --reuid virtcim --regid virtcim --init-groups virtcim serve --config /etc/virtcim/virtcim.yaml > /log 2>&1 &
    server=$!
    trap "kill -9 \$server 2> /dev/null || true" EXIT
    for _ in $(seq 60); do
        grep -q serves /log && break
        kill -0 $server || { cat /log; exit 1; }
        sleep 1
    done
    python3 - << ASK
import base64, urllib.error, urllib.request
url = "http://127.0.0.1:5988"
assert urllib.request.urlopen(url + "/healthz", timeout=30).status == 200
try:
    urllib.request.urlopen(url + "/metrics", timeout=30)
except urllib.error.HTTPError as error:
    assert error.code == 401
else:
    raise SystemExit("a stranger was let in")
known = {"Authorization": "Basic " + base64.b64encode(b"alice:secret").decode()}
metrics = urllib.request.urlopen(urllib.request.Request(url + "/metrics", headers=known), timeout=30).read()
assert b"virtcim_host_reachable" in metrics
ASK
    kill -TERM $server
    trap - EXIT
    wait $server || { cat /log; exit 1; }
'
inside apt-get purge -y -q virtcim > /dev/null
for gone in usr/lib/virtcim etc/virtcim var/lib/virtcim usr/bin/virtcim; do
    [ ! -e "$chroot/$gone" ] || { echo "$gone is still there after the purge" >&2; exit 1; }
done
echo "$(basename "$deb"): installed, served and purged on $suite"
