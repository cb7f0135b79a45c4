/** The cases hold on a file system of Linux, that of the temporary directory. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { dumpDirectory } from "@puzzlefs/reader";
import type { Feature } from "../case.ts";
import { dumpMounted } from "../dump.ts";
import { applies, posixCases } from "../posix.ts";
import { System } from "../system.ts";
import { nodeEnvironment } from "./environment.ts";
import { makeOnDisk, nodeFixture } from "./make.ts";

const EXT4 = 0xef53;
const features: Feature[] = [
  "owners",
  "devices",
  "directory-links",
  "xattrs",
  "privileged-xattrs",
  "acls",
  "other-users",
  "handles",
  "holes",
];

test("the cases hold on ext4, and the dump is the reader's", (t) => {
  if (process.geteuid?.() !== 0) return skip("only root can make the fixture");
  if (statfsSync(tmpdir()).type !== EXT4) return skip("the temporary directory is not on ext4");
  const directory = mkdtempSync(join(tmpdir(), "puzzlefs-posix-"));
  chmodSync(directory, 0o755);
  try {
    const root = join(directory, "root");
    mkdirSync(root);
    const entries = nodeFixture();
    makeOnDisk(root, entries);
    const system = new System(nodeEnvironment());
    for (const item of posixCases) {
      if (applies(item, new Set(features))) t.notThrows(() => item.check({ system, root, entries }), item.name);
      else t.log(`left out: ${item.name}`);
    }
    // Dumps hash content.
    rmSync(join(root, "sparse/terabyte"));
    t.deepEqual(dumped(system, root), reference(root));
  } finally {
    rmSync(directory, { recursive: true });
  }

  function skip(reason: string): void {
    t.log(`skipped: ${reason}`);
    t.pass();
  }
});

function dumped(system: System, root: string): string[] {
  const lines: string[] = [];
  dumpMounted(system, root, (line) => void lines.push(line));
  return lines;
}

function reference(root: string): string[] {
  const lines: string[] = [];
  dumpDirectory(root, (line) => void lines.push(line), { links: "reported" });
  return lines;
}
