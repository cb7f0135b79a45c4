#!/bin/bash
# The npm packages of the workspace, exactly as in pnpm-lock.yaml. The stamp holds the lock file's hash.
set -eu
. "$(dirname "$0")/environment.sh"

cd "$ROOT"
stamp=node_modules/.puzzlefs-setup
want=$(cat pnpm-lock.yaml pnpm-workspace.yaml package.json packages/*/package.json | sha256sum)
[ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ] || exit 0

pnpm=$PNPM_HOME/node_modules/pnpm/pnpm
if [ ! -x "$pnpm" ]; then
  say "pnpm $PNPM_VERSION"
  logged pnpm npm install --prefix "$PNPM_HOME" --no-audit --no-fund --no-save "pnpm@$PNPM_VERSION"
fi

# zstd-napi is compiled here, against the headers that came with the private Node.js.
headers=$(echo "$NODE_HOME"/node_modules/node/node_modules/node-linux-*)
[ -d "$headers/include/node" ] || headers=$(echo "$NODE_HOME"/node_modules/node-linux-*)
[ -d "$headers/include/node" ] || fail "no Node.js headers below $NODE_HOME"
say "npm packages of the workspace (zstd-napi is compiled)"
export PATH=$NODE_HOME/node_modules/node/bin:$PATH
export npm_config_nodedir=$headers npm_config_build_from_source=true CI=true
logged workspace "$pnpm" install --frozen-lockfile
printf '%s\n' "$want" >"$stamp"
