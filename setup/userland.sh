# shellcheck shell=sh
# Part of setup.sh: Debian's userland for machines in which our whole program runs (test/mounting), as disks:
# $trees/userland/SUITE/root.ext4, a suite with the mount(8) of its kernel.

userland_packages=dmsetup,e2fsprogs,fsverity,fuse3,kmod,libstdc++6,mount,procps

# If a root directory cannot be made, the tests that need it are skipped.
userland() {
	for suite in bookworm trixie; do
		target=$trees/userland/$suite
		[ "$(cat "$target/stamp" 2>/dev/null)" != "$userland_packages" ] || continue
		say "making a root directory with Debian $suite's mount(8) (half a minute)"
		rm -rf "$target.new" && mkdir -p "$target.new"
		mmdebstrap --variant=essential "--include=$userland_packages" \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
			"$suite" "$target.new/root" "$(mirror)" >"$cache/userland.log" 2>&1 ||
			{ say "no userland of $suite: tests that need it are skipped ($cache/userland.log)"; continue; }
		truncate -s "$(($(du -sm "$target.new/root" | cut -f1) * 12 / 10 + 64))M" "$target.new/root.ext4"
		quietly userland mkfs.ext4 -q -F -O ^has_journal -E root_owner=0:0 -d "$target.new/root" "$target.new/root.ext4"
		rm -rf "$target.new/root"
		printf '%s\n' "$userland_packages" >"$target.new/stamp"
		rm -rf "$target" && mv "$target.new" "$target"
	done
}
