#!/bin/bash
# check-image.sh [BASE]: build the image of packaging/Containerfile without a daemon, run it, ask it and end it. Needs
# root and buildah. Without a registry: BASE is a directory that debootstrap made, which stands for the Python image.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
tool() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }
made=
clean() {
    [ -z "$made" ] || tool rm "$made" > /dev/null
    rm -rf --one-file-system "$work"
}
trap clean EXIT

pull=--pull
if [ -n "${1:-}" ]; then
    base=$(realpath "$1")
    chroot "$base" apt-get install -y -qq --no-install-recommends python3 python3-venv python3-dev > /dev/null
    ln -sf /usr/bin/python3 "$base/usr/local/bin/python"
    made=$(tool from scratch)
    tool add -q "$made" "$base" / > /dev/null
    tool commit -q "$made" "$(sed -n 's/^FROM \(\S*\)$/\1/p' packaging/Containerfile)" > /dev/null
    tool rm "$made" > /dev/null
    pull=--pull-never
fi
read -ra more <<< "${BUILD_OPTIONS:-}"
tool build $pull --network host --format docker "${more[@]}" -f packaging/Containerfile -t virtcim .

mkdir "$work/etc"
echo 'listen: ["http://127.0.0.1:5989"]' > "$work/etc/virtcim.yaml"
cat > "$work/try.sh" << 'TRY'
set -e
[ "$(id -un)" = virtcim ]
virtcim serve --config /etc/virtcim/virtcim.yaml > /tmp/log 2>&1 &
server=$!
for _ in $(seq 120); do
    grep -q serves /tmp/log && break
    kill -0 $server || { cat /tmp/log; exit 1; }
    sleep 1
done
python -c 'import urllib.request as r; assert r.urlopen("http://127.0.0.1:5989/healthz", timeout=30).status == 200'
kill -TERM $server
wait $server
TRY
chmod -R a+rX "$work/etc" "$work/try.sh"
made=$(tool from --pull-never virtcim)
# The network is its own, so that the port is free.
export -f tool
export work made
unshare --net bash -c 'ip link set lo up
    tool run -v "$work/etc:/etc/virtcim:ro" -v "$work/try.sh:/try.sh:ro" "$made" -- sh /try.sh'
echo "the image was built, served and ended"
