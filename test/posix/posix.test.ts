/** The POSIX cases on real images: every way of storing, on every backend that this machine has. */
import { featuresOf, lacks, makeOnDisk, nodeFixture, posixCases } from "@puzzlefs/posix-suite";
import test from "ava";
import { build } from "../support/images.ts";
import { nobody } from "../support/other-users.ts";
import { isRoot } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { type Backend, backends, look } from "./backends.ts";
import { addJoined } from "./joined.ts";
import { addLayered } from "./layered.ts";

const scratch = new Scratch();
const possible = backends.filter(({ obstacle }) => obstacle === "");
/** Layouts by the owner of what has no owner of its own. */
const stores = new Map<number, string>();

const variants: readonly [tag: string, options: readonly string[]][] = [
  ["raw", []],
  ["zstd", ["-c"]],
  ["zstd-frames", ["-c", "--frame-size", "65536"]],
  ["packed", ["-c", "--packed"]],
];
/** Blobs of many chunks. @see addJoined */
const joined = { "raw-joined": "raw", "zstd-joined": "zstd-frames" } as const;
/** Directories look below, and names and inodes of the lower layer are hidden. */
const layered = "layered";
const tags = [...variants.map(([tag]) => tag), ...Object.keys(joined), layered];
/** Once extracted, an image's ways of storing are gone: the dumps compare all of them. */
const extracted = ["zstd-joined", layered];

test.before(() => {
  if (!isRoot) return;
  for (const owner of new Set(possible.map((backend) => backend.owner))) {
    const source = scratch.directory("fixture");
    makeOnDisk(source, nodeFixture(owner));
    const store = scratch.fresh("store");
    for (const [tag, options] of variants) build(source, `${store}:${tag}`, "--mtime", "keep", ...options);
    for (const [tag, from] of Object.entries(joined)) addJoined(store, from, tag, 1 << 20);
    addLayered(store, "raw", layered);
    stores.set(owner, store);
  }
});

test.after.always(() => scratch.remove());

for (const backend of backends) {
  for (const tag of backend.name === "extract" ? extracted : tags) {
    const title = `${backend.name}, ${tag}: the POSIX cases hold`;
    if (backend.obstacle !== "") test.serial.skip(`${title} (needs ${backend.obstacle})`, () => undefined);
    else {
      test.serial(title, (t) => {
        const { stdout, stderr, status } = check(backend, tag);
        t.is(status, 0, stdout + stderr);
        t.is(stderr, "");
        const count = (pattern: RegExp): number => (stdout.match(pattern) ?? []).length;
        t.is(count(/^ok /gm), posixCases.length, stdout);
        const left = posixCases.filter(({ needs = [] }) =>
          needs.some((feature) => !featuresOf(backend.name).has(feature)),
        );
        t.is(count(/ # SKIP /g), left.length, stdout);
        if (tag !== layered) return;
        for (const { features, reason } of lacks[backend.name]) t.log(`left out: ${features.join(", ")}: ${reason}`);
      });
    }
  }
}

/** Run by the mount's user: root reads root's mounts, the user nobody its own. */
function check(backend: Backend, tag: string): ReturnType<typeof look> {
  const looker = backend.user === nobody ? "$user " : "";
  const features = [...featuresOf(backend.name)].join(",");
  const program = "$checkout/test/posix-suite/src/node/check.ts";
  return look(scratch, backend, `${stores.get(backend.owner)}:${tag}`, `${looker}$node ${program} "$at" ${features}`);
}
