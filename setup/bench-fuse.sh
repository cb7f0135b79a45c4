# shellcheck shell=sh
# Part of setup.sh: the other FUSE servers of `make bench-fuse`, and the larger of its two trees.

# The packages that make a Debian root one of 2 GB and 92,500 files.
big_tree_packages=python3-numpy,python3-scipy,build-essential,nodejs,npm,golang,default-jdk-headless,git,vim-nox,linux-headers-amd64

# $trees/big-tree: not part of bench-fuse, as it takes minutes and 2 GB.
big_tree() {
	tree=$trees/big-tree
	[ ! -e "$tree" ] || return 0
	packages mmdebstrap
	say "making a Debian root with compilers, Python and Java (some minutes, 2 GB)"
	rm -rf "$tree.new"
	quietly big-tree mmdebstrap --variant=minbase --include="$big_tree_packages" bookworm "$tree.new" "$(mirror)"
	# These files differ from one run to the next.
	rm -rf "$tree.new"/var/log/* "$tree.new"/var/cache/ldconfig/aux-cache
	mv "$tree.new" "$tree"
}

# erofs by FUSE is not in bookworm: trixie's program with trixie's libraries, started by trixie's loader.
erofsfuse() {
	target=$cache/erofsfuse
	[ ! -x "$target/run" ] || return 0
	say "fetching erofsfuse of trixie"
	rm -rf "$target.new" && mkdir -p "$target.new"
	work=$(mktemp -d)
	# With nothing installed, apt brings the libraries as well.
	if ! suite_update trixie || ! suite_apt trixie apt-get install --yes --no-install-recommends --download-only \
		erofsfuse >"$cache/erofsfuse.log" 2>&1; then
		say "erofsfuse cannot be installed: it is left out ($cache/erofsfuse.log, $cache/kernels-apt.log)"
		rm -rf "$work" "$target.new"
		return 0
	fi
	for package in "$work"/trixie/cache/archives/*.deb; do dpkg-deb --extract "$package" "$target.new"; done
	rm -rf "$work" "$target.new/usr/share" "$target.new"/usr/lib/*/gconv
	cat >"$target.new/run" <<-'RUN'
		#!/bin/sh
		root=$(dirname "$(readlink -f "$0")")
		set -- "$root"/usr/lib/*/ld-linux-*.so.* "$root/usr/bin/erofsfuse" "$@"
		loader=$1
		shift
		exec "$loader" --library-path "${loader%/*}" "$@"
	RUN
	chmod 755 "$target.new/run"
	rm -rf "$target" && mv "$target.new" "$target"
}
