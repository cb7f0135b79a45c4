#!/bin/sh
# container.sh PROGRAM STORE ROOTFS UPPER [OPTION…]: mounts an image as a hook of LXC does that runs in the namespaces
# of the container, before pivot_root(2), then becomes the container. Run it by unshare --mount --pid --fork.
set -eu
program=$1 store=$2 rootfs=$3 upper=$4
shift 4
mount --make-rprivate /
"$program" mount --driver fuse "$@" --persist "$upper" "$store" "$rootfs"
cd "$rootfs"
pivot_root . old
cd /
mount -t proc proc /proc
umount -l /old
exec /bin/sh /go
