# What every step of the set-up shares: versions, places, and how a step talks. Sourced by bash, not run.

NODE_VERSION=24.21.0
PNPM_VERSION=12.21.0
RUST_TOOL_VERSION=0.2.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${PUZZLEFS_CACHE:-$HOME/.cache/puzzlefs}
NODE_HOME=$CACHE/node-$NODE_VERSION
PNPM_HOME=$CACHE/pnpm-$PNPM_VERSION
RUST_TOOL=$CACHE/rust-$RUST_TOOL_VERSION/bin/puzzlefs
DEBIAN=$CACHE/debian
LOGS=$CACHE/logs
mkdir -p "$LOGS"

# Prints a line about what is going on. Steps with nothing to do stay silent.
say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# logged NAME COMMAND…: runs a noisy command; its output goes to a log, the log's end to stderr if it fails.
logged() {
  local log=$LOGS/$1.log start=$SECONDS
  shift
  if ! "$@" >"$log" 2>&1; then
    printf 'setup: failed: %s\n' "$*" >&2
    tail -n 30 "$log" >&2
    fail "the whole log is $log"
  fi
  say "  done in $((SECONDS - start)) s"
}
