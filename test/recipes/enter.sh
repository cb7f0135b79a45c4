#!/bin/sh
# enter.sh STATE ROOTFS LAYER… -- COMMAND…: runs a command as on a machine of its own, in new namespaces: its root
# directory is an overlay of the layers, /var and /srv are STATE/var and STATE/srv, /srv/rootfs shows ROOTFS with writes
# going elsewhere, the network is a loopback. Whatever is started in it ends with the command.
set -eu
if [ "${1:-}" != --inside ]; then
	exec unshare --mount --pid --net --uts --ipc --fork --kill-child --propagation private -- "$0" --inside "$@"
fi
state=$2 rootfs=$3
shift 3
lower=
while [ "$1" != -- ]; do
	lower=${lower:+$lower:}$1
	shift
done
shift

# overlay NAME LOWER TARGET
overlay() {
	mkdir -p "$state/overlay/$1/upper" "$state/overlay/$1/work"
	mount -t overlay overlay -o "lowerdir=$2,upperdir=$state/overlay/$1/upper,workdir=$state/overlay/$1/work" "$3"
}

mkdir -p "$state/root"
overlay root "$lower" "$state/root"
cd "$state/root"
# A directory that is not on an overlay, because containers put overlays of their own there.
if [ ! -e "$state/var" ]; then
	cp -a var "$state/var"
	mkdir -p "$state/srv/rootfs"
fi
mount --bind "$state/var" var
mount --bind "$state/srv" srv
overlay rootfs "$rootfs" srv/rootfs
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p old
pivot_root . old
umount -l old
rmdir old
cd /srv
ip link set lo up
hostname machine
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
