#!/bin/sh
# Installs what the project needs and is not in git. Quick if nothing is missing.
#   setup.sh run      what building and the demo need
#   setup.sh test     what the tests and benchmarks also need
#   setup.sh kernels  three kernels to boot in QEMU, the compiler of their modules, Debian's userland for two of them, and
#                     the checkers that `make test` runs on the driver's sources: sparse, checkpatch
#   setup.sh debug-kernel    another kernel, built with every checker of the kernel
#   setup.sh kernel-scripts  the checkers of all three kernels, and Coccinelle
#   setup.sh external        Debian's userland for test suites of other projects, and containerd 2
#   setup.sh bench-store     programs to compare storage with, and big-tree
#   setup.sh bench-kernel    file systems to compare the driver with
#   setup.sh bench-fuse      file systems to compare the FUSE daemon with
#   setup.sh browser         Chromium, in which the page of `report` is tested
#   setup.sh big-tree        2 GB of files to measure with: some minutes
#   setup.sh recipes         the system on which the commands of docs/recipes.md are tested
#   setup.sh pnpm ARGS…    pnpm in the current directory, as it installs the workspace
#   setup.sh cache    prints the path of the cache
# Debian packages by apt-get; Node and pnpm from the npm registry, and whatever is large, into a cache outside git.
# Every archive is checked: those of apt, debootstrap and mmdebstrap by Debian's signature, those of npm by the sha512 in
# npm-packages.txt or pnpm-lock.yaml, those of cargo by its lock file, those of Go by its checksum database; the Rust tool's own by the index of crates.io.
set -eu
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
# Other users cannot enter root's home, but run our Node in the tests of ordinary users.
home_cache=${XDG_CACHE_HOME:-$HOME/.cache}
[ "$(id -u)" != 0 ] || home_cache=/var/cache
cache=${PUZZLEFS_CACHE:-$home_cache/puzzlefs}
# Root directories of Debian, in a directory that is closed to others: they have set-uid programs that are never updated.
trees=$cache/trees
npm_packages=$root/setup/npm-packages.txt
rust_tool_version=0.2.0
build=$root/build
[ "${1:-}" != cache ] || { printf '%s\n' "$cache"; exit; }
mkdir -p "$cache" "$build"
[ -d "$trees" ] || mkdir -m 700 "$trees"

say() { printf 'setup: %s\n' "$*"; }

# Runs a command; shows its output only if it fails.
quietly() {
	log=$cache/$1.log
	shift
	"$@" >"$log" 2>&1 || { cat "$log" >&2; say "failed: $*" >&2; exit 1; }
}

# Installs the Debian packages that are missing.
packages() {
	missing=$(for name; do
		dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || printf '%s ' "$name"
	done)
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || { say "these Debian packages are missing; install them as root: $missing" >&2; exit 1; }
	say "installing Debian packages: $missing"
	quietly apt-update apt-get update
	# shellcheck disable=SC2086 # a list
	quietly apt-install env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}

# Earlier versions had the root directories outside of $trees.
move_trees() {
	for name in debian-bookworm debian-trixie big-tree recipes trixie-toolchain-1 userland; do
		if [ -d "$cache/$name" ] && [ ! -e "$trees/$name" ]; then
			mv -T "$cache/$name" "$trees/$name" || [ -e "$trees/$name" ] # another set-up did
		fi
	done
	for kernel in "$cache"/kernels/*/; do
		[ "$(readlink "${kernel}toolchain")" != ../../trixie-toolchain-1 ] ||
			ln -sfn ../../trees/trixie-toolchain-1 "${kernel}toolchain"
	done
}

architecture() {
	case $(uname -m) in
	x86_64) echo x64 ;;
	aarch64) echo arm64 ;;
	*) say "no Node for $(uname -m)" >&2; exit 1 ;;
	esac
}

# Prints the version of a package in npm-packages.txt, or with 3 its sha512.
pinned() {
	awk -v name="$1" -v column="${2:-2}" '$1 == name { print $column; found = 1 } END { exit !found }' "$npm_packages"
}

# Unpacks a package of npm-packages.txt into DIRECTORY/node_modules. No script of it runs.
npm_package() {
	package=$1
	target=$2/node_modules/$package
	[ ! -e "$target/package.json" ] || return 0
	version=$(pinned "$package") integrity=$(pinned "$package" 3)
	work=$(mktemp -d)
	(cd "$work" && quietly npm npm pack --ignore-scripts "$package@$version")
	# shellcheck disable=SC2016 # JavaScript
	found=sha512-$(node -p 'crypto.createHash("sha512").update(fs.readFileSync(process.argv[1])).digest("base64")' "$work"/*.tgz)
	[ "$found" = "$integrity" ] || { rm -rf "$work"; say "$package@$version has digest $found, recorded is $integrity" >&2; exit 1; }
	rm -rf "$target.new" && mkdir -p "$target.new"
	tar -xzf "$work"/*.tgz -C "$target.new" --strip-components=1 --no-same-owner --no-same-permissions
	mv -T "$target.new" "$target"
	rm -rf "$work"
}

# The private Node: the package that `npm install node` would choose.
node_runtime() {
	name=node-linux-$(architecture)
	prefix=$cache/node-$(pinned "$name")
	home=$prefix/node_modules/$name
	[ -x "$home/bin/node" ] || say "installing Node $(pinned "$name")"
	npm_package "$name" "$prefix"
	ln -sfn "$home/bin/node" "$build/node"
}

# pnpm in the current directory, with what packages need to compile against the headers of that Node.
pnpm() {
	prefix=$cache/pnpm-$(pinned pnpm)
	[ -e "$prefix/node_modules/pnpm" ] || say "installing pnpm $(pinned pnpm)"
	npm_package pnpm "$prefix"
	npm_package "@pnpm/exe.linux-$(architecture)" "$prefix"
	# pnpm brings node-gyp, but does not put it where the scripts of packages find it.
	PATH=$home/bin:$prefix/node_modules/pnpm/dist/node-gyp-bin:$PATH npm_config_nodedir=$home CI=true JOBS=max \
		npm_config_build_from_source=true node "$prefix/node_modules/pnpm/bin/pnpm.mjs" "$@"
}

# The workspace's packages.
workspace() {
	stamp=$root/node_modules/.puzzlefs-setup
	want=$(cat "$root/pnpm-lock.yaml" "$0" | sha256sum | cut -d' ' -f1)
	if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
		say "installing npm packages (compiles zstd, about a minute)"
		(cd "$root" && quietly pnpm-install pnpm install --frozen-lockfile)
		printf '%s\n' "$want" >"$stamp"
	fi
}

# The mirror of this machine's apt.
mirror() {
	for list in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
		[ -e "$list" ] || continue
		uri=$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ "://") { print $i; exit } }' "$list")
		[ -z "$uri" ] || { printf '%s\n' "$uri"; return; }
	done
	say "no mirror of Debian in apt's sources" >&2
	exit 1
}

bootstrap() {
	debootstrap --force-check-gpg --variant=minbase bookworm "$1" "$(mirror)"
}

# A minimal Debian root, of which the demo, the tests and the benchmarks make images.
debian_root() {
	[ ! -e "$trees/debian-bookworm" ] || return 0
	[ "$(id -u)" = 0 ] || { say "no Debian root: debootstrap needs root" >&2; return 0; }
	say "making a Debian root with debootstrap (about a minute)"
	rm -rf "$trees/debian-bookworm.new"
	# One download that fails ends debootstrap. It keeps the others, so that the second attempt loads the rest.
	bootstrap "$trees/debian-bookworm.new" >"$cache/debootstrap.log" 2>&1 || quietly debootstrap bootstrap "$trees/debian-bookworm.new"
	rm -rf "$trees/debian-bookworm.new/var/cache/apt/archives" "$trees/debian-bookworm.new/var/log/bootstrap.log"
	mkdir -p "$trees/debian-bookworm.new/var/cache/apt/archives/partial"
	mv "$trees/debian-bookworm.new" "$trees/debian-bookworm"
}

# The Rust tool, for comparisons; without it the tests that need it are skipped, with the reason.
rust_tool() {
	[ ! -x "$cache/rust/bin/puzzlefs" ] || return 0
	version=$(cargo --version 2>/dev/null | awk '{ print $2 }')
	if [ "$(printf '%s\n1.85\n' "${version:-0}" | sort -V | head -n 1)" != 1.85 ]; then
		say "no cargo 1.85 or newer: comparisons with the Rust tool are skipped"
		return 0
	fi
	say "building the Rust tool with cargo (about three minutes)"
	quietly cargo env RUSTC_BOOTSTRAP=1 cargo install --locked --root "$cache/rust" "puzzlefs@$rust_tool_version"
}

# shellcheck source=setup/kernels.sh
. "$root/setup/kernels.sh"
# shellcheck source=setup/userland.sh
. "$root/setup/userland.sh"
# shellcheck source=setup/debug-kernel.sh
. "$root/setup/debug-kernel.sh"
# shellcheck source=setup/external.sh
. "$root/setup/external.sh"
# shellcheck source=setup/bench-fuse.sh
. "$root/setup/bench-fuse.sh"
# shellcheck source=setup/recipes.sh
. "$root/setup/recipes.sh"

move_trees
case ${1:-run} in
run)
	packages ca-certificates debian-archive-keyring debootstrap fuse3 g++ make python3
	node_runtime
	debian_root &
	root_job=$!
	workspace
	wait "$root_job"
	;;
test)
	packages acl attr btrfs-progs capnproto clang disorderfs e2fsprogs fio fish fsverity libarchive-tools libcap2-bin \
		libcapnp-dev man-db mtree-netbsd procps rsync skopeo strace time zsh
	rust_tool
	recipes_root
	;;
kernels)
	kernels
	userland
	;;
debug-kernel)
	debug_kernel
	;;
kernel-scripts)
	packages coccinelle
	kernel_scripts 6.1 6.12 7
	;;
external)
	external_root
	external_containerd
	;;
recipes)
	recipes_root
	;;
browser)
	packages chromium fonts-dejavu-core
	;;
bench-store)
	packages borgbackup casync erofs-utils gzip ostree rsync squashfs-tools time zstd
	rust_tool
	recipes_root
	big_tree
	;;
bench-kernel)
	packages e2fsprogs erofs-utils squashfs-tools
	;;
bench-fuse)
	packages erofs-utils squashfs-tools squashfuse
	rust_tool
	erofsfuse
	;;
big-tree)
	big_tree
	;;
pnpm)
	node_runtime
	shift
	pnpm "$@"
	;;
*)
	say "usage: setup.sh run|test|kernels|debug-kernel|kernel-scripts|external|recipes|browser|bench-store|bench-kernel|bench-fuse|big-tree|pnpm|cache" >&2
	exit 2
	;;
esac
