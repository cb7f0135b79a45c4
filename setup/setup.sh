#!/bin/sh
# Brings what the project needs and is not in git. Quick when nothing is missing.
#   setup.sh run      what building and the demo need
#   setup.sh test     what the tests and benchmarks need besides
#   setup.sh kernels  three kernels to boot in QEMU, their modules' compiler, and Debian's userland for two of them
#   setup.sh debug-kernel    one more, built with every checker of the kernel
#   setup.sh kernel-scripts  what kernel sources are checked with: checkpatch, Coccinelle's rules, sparse
#   setup.sh external        Debian's userland for suites that are not ours
#   setup.sh bench-kernel    file systems to compare the driver with
#   setup.sh bench-fuse      file systems to compare the FUSE daemon with
#   setup.sh big-tree        2 GB of files to measure with: some minutes
#   setup.sh recipes         the system on which docs/recipes.md is tried
#   setup.sh cache    prints where the cache is
# Debian packages by apt-get; Node and pnpm from the npm registry, and whatever is large, into a cache outside git.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# Root's home is closed to others, who run our Node in the tests of ordinary users.
home_cache=${XDG_CACHE_HOME:-$HOME/.cache}
[ "$(id -u)" != 0 ] || home_cache=/var/cache
cache=${PUZZLEFS_CACHE:-$home_cache/puzzlefs}
node_version=24.21.0
pnpm_version=12.21.0
rust_tool_version=0.2.0
build=$root/build
[ "${1:-}" != cache ] || { printf '%s\n' "$cache"; exit; }
mkdir -p "$cache" "$build"

say() { printf 'setup: %s\n' "$*"; }

# Runs a noisy command; shows what it printed only when it fails.
quietly() {
	log=$cache/$1.log
	shift
	"$@" >"$log" 2>&1 || { cat "$log" >&2; say "failed: $*" >&2; exit 1; }
}

# Installs the Debian packages that are not there.
packages() {
	missing=$(for name; do
		dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || printf '%s ' "$name"
	done)
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || { say "missing Debian packages, install them as root: $missing" >&2; exit 1; }
	say "Debian packages: $missing"
	quietly apt-update apt-get update
	# shellcheck disable=SC2086 # a list
	quietly apt-install env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}

architecture() {
	case $(uname -m) in
	x86_64) echo x64 ;;
	aarch64) echo arm64 ;;
	*) say "no Node $node_version for $(uname -m)" >&2; exit 1 ;;
	esac
}

# The private Node: the package that `npm install node` would choose, without its install script.
node_runtime() {
	package=node-linux-$(architecture)
	prefix=$cache/node-$node_version
	home=$prefix/node_modules/$package
	if [ ! -x "$home/bin/node" ]; then
		say "Node $node_version"
		mkdir -p "$prefix"
		quietly node npm install --prefix "$prefix" --no-save --no-audit --no-fund "$package@$node_version"
	fi
	ln -sfn "$home/bin/node" "$build/node"
}

# The workspace's packages; zstd-napi compiles against the headers of that Node.
workspace() {
	stamp=$root/node_modules/.puzzlefs-setup
	want=$(cat "$root/pnpm-lock.yaml" "$0" | sha256sum | cut -d' ' -f1)
	if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
		prefix=$cache/pnpm-$pnpm_version
		if [ ! -e "$prefix/node_modules/pnpm/bin/pnpm.mjs" ]; then
			say "pnpm $pnpm_version"
			mkdir -p "$prefix"
			quietly pnpm npm install --prefix "$prefix" --no-save --no-audit --no-fund "pnpm@$pnpm_version"
		fi
		say "npm packages (compiles zstd, about a minute)"
		(
			cd "$root"
			# pnpm brings node-gyp, but does not put it where the scripts of packages find it.
			PATH=$home/bin:$prefix/node_modules/pnpm/dist/node-gyp-bin:$PATH npm_config_nodedir=$home CI=true
			npm_config_build_from_source=true JOBS=max
			export PATH npm_config_nodedir npm_config_build_from_source JOBS CI
			quietly pnpm-install node "$prefix/node_modules/pnpm/bin/pnpm.mjs" install --frozen-lockfile
		)
		printf '%s\n' "$want" >"$stamp"
	fi
}

# The mirror that this machine's own apt uses.
mirror() {
	for list in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
		[ -e "$list" ] || continue
		uri=$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ "://") { print $i; exit } }' "$list")
		[ -z "$uri" ] || { printf '%s\n' "$uri"; return; }
	done
	say "apt has no mirror of Debian" >&2
	exit 1
}

# A minimal Debian root: what the demo, the tests and the benchmarks make images of.
debian_root() {
	[ ! -e "$cache/debian-bookworm" ] || return 0
	[ "$(id -u)" = 0 ] || { say "debootstrap wants root; without it there is no Debian root" >&2; return 0; }
	say "a Debian root by debootstrap (about a minute)"
	rm -rf "$cache/debian-bookworm.new"
	quietly debootstrap debootstrap --variant=minbase bookworm "$cache/debian-bookworm.new" "$(mirror)"
	rm -rf "$cache/debian-bookworm.new/var/cache/apt/archives" "$cache/debian-bookworm.new/var/log/bootstrap.log"
	mkdir -p "$cache/debian-bookworm.new/var/cache/apt/archives/partial"
	mv "$cache/debian-bookworm.new" "$cache/debian-bookworm"
}

# The Rust tool, to be compared with; the tests that need it say so where it is missing.
rust_tool() {
	[ ! -x "$cache/rust/bin/puzzlefs" ] || return 0
	version=$(cargo --version 2>/dev/null | awk '{ print $2 }')
	if [ "$(printf '%s\n1.85\n' "${version:-0}" | sort -V | head -n 1)" != 1.85 ]; then
		say "cargo 1.85 or newer is not here: what compares with the Rust tool is skipped"
		return 0
	fi
	say "the Rust tool by cargo (about three minutes)"
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

case ${1:-run} in
run)
	packages ca-certificates debootstrap fuse3 g++ make python3
	node_runtime
	debian_root &
	root_job=$!
	workspace
	wait "$root_job"
	;;
test)
	packages acl attr capnproto clang disorderfs e2fsprogs fio fsverity libarchive-tools libcap2-bin \
		libcapnp-dev mtree-netbsd procps rsync skopeo time
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
	kernel_scripts
	;;
external)
	external_root
	;;
recipes)
	recipes_root
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
*)
	say "usage: setup.sh run|test|kernels|debug-kernel|kernel-scripts|external|recipes|bench-kernel|bench-fuse|big-tree|cache" >&2
	exit 2
	;;
esac
