/** The cases themselves, on the file system of the temporary directory: what they demand is what Linux does. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Feature } from "./case.ts";
import { applies, fixture, makeOnDisk, posixCases } from "./index.ts";

const EXT4 = 0xef53;
const features: Feature[] = [
  "owners",
  "devices",
  "directory-links",
  "xattrs",
  "privileged-xattrs",
  "acls",
  "other-users",
];

test("the cases hold on ext4", (t) => {
  if (process.geteuid?.() !== 0) return skip("only root can make the fixture");
  if (statfsSync(tmpdir()).type !== EXT4) return skip("the temporary directory is not on ext4");
  const directory = mkdtempSync(join(tmpdir(), "puzzlefs-posix-"));
  chmodSync(directory, 0o755);
  try {
    const root = join(directory, "root");
    mkdirSync(root);
    const entries = fixture();
    makeOnDisk(root, entries);
    for (const item of posixCases) {
      if (applies(item, new Set(features))) t.notThrows(() => item.check({ root, entries }), item.name);
      else t.log(`left out: ${item.name}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }

  function skip(reason: string): void {
    t.log(`skipped: ${reason}`);
    t.pass();
  }
});
