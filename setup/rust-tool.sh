#!/bin/bash
# The Rust implementation, which the tests exchange images with and the benchmark races. Needs cargo 1.85 or newer.
set -eu
. "$(dirname "$0")/environment.sh"

[ ! -x "$RUST_TOOL" ] || exit 0
if ! command -v cargo >/dev/null; then
  say "no cargo here: the Rust tool is skipped, and so are the tests against it"
  exit 0
fi
version=$(cargo --version | sed -E 's/^cargo ([0-9]+)\.([0-9]+).*/\1 \2/')
read -r major minor <<<"$version"
if [ "$major" -lt 1 ] || { [ "$major" = 1 ] && [ "$minor" -lt 85 ]; }; then
  say "cargo is older than 1.85: the Rust tool is skipped, and so are the tests against it"
  exit 0
fi

say "the Rust tool, puzzlefs $RUST_TOOL_VERSION (2-3 minutes)"
# Its source uses let chains, which stable compilers of its time had only behind this switch.
export RUSTC_BOOTSTRAP=1
logged rust-tool cargo install --locked --quiet "puzzlefs@$RUST_TOOL_VERSION" --root "$CACHE/rust-$RUST_TOOL_VERSION"
