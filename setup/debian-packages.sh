#!/bin/bash
# Installs the Debian packages that are missing; touches nothing, not even the package lists, when none is.
set -eu
. "$(dirname "$0")/environment.sh"

# A compiler and Python for node-gyp (zstd-napi), fusermount3 for unprivileged mounts, debootstrap for the demo.
packages=(gcc g++ make python3 ca-certificates fuse3 debootstrap)
if [ "$1" = test ]; then
  packages+=(git clang capnproto skopeo disorderfs mtree-netbsd rsync acl attr e2fsprogs fsverity)
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || fail "run this as root, or install these Debian packages first: ${missing[*]}"
say "Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
logged apt-update apt-get -q -o DPkg::Lock::Timeout=300 update
logged apt-install apt-get -y -q -o DPkg::Lock::Timeout=300 --no-install-recommends install "${missing[@]}"
