# shellcheck shell=sh
# Part of setup.sh: the system on which test/recipes runs docs/recipes.md, Debian trixie with the programs that it
# calls, as a root directory: $trees/recipes/root.

recipes_packages=attr,buildah,containerd,docker-registry,fuse3,iproute2,jq,libcap2-bin,libstdc++6,lxc,minisign,mount,podman,procps,runc,skopeo,umoci

# If the root directory cannot be made, the tests that need it are skipped.
recipes_root() {
	target=$trees/recipes
	[ "$(cat "$target/stamp" 2>/dev/null)" != "$recipes_packages" ] || return 0
	[ "$(id -u)" = 0 ] || { say "the recipes are not tested: mmdebstrap needs root" >&2; return 0; }
	packages mmdebstrap
	say "making a root directory with containerd, podman, LXC, buildah, skopeo and umoci of Debian trixie (two minutes)"
	rm -rf "$target.new" && mkdir -p "$target.new"
	mmdebstrap --variant=minbase "--include=$recipes_packages" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
		trixie "$target.new/root" "$(mirror)" >"$cache/recipes.log" 2>&1 ||
		{ say "the recipes are not tested: no root directory ($cache/recipes.log)"; return 0; }
	printf '%s\n' "$recipes_packages" >"$target.new/stamp"
	rm -rf "$target" && mv "$target.new" "$target"
}
