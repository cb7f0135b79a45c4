#!/bin/bash
# A private Node.js of the version we are tested with, from the npm registry, and build/node that leads to it.
set -eu
. "$(dirname "$0")/environment.sh"

node=$NODE_HOME/node_modules/node/bin/node
if [ ! -x "$node" ]; then
  say "Node.js $NODE_VERSION"
  logged node npm install --prefix "$NODE_HOME" --no-audit --no-fund --no-save "node@$NODE_VERSION"
  [ -x "$node" ] || fail "the npm package node@$NODE_VERSION brought no $node"
fi
if [ "$(readlink "$ROOT/build/node" || true)" != "$node" ]; then
  mkdir -p "$ROOT/build"
  ln -sfn "$node" "$ROOT/build/node"
fi
