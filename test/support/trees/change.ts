import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "@puzzlefs/testing";

/** Makes of a hostile tree its next version: files changed, removed, added, renamed, replaced, and with other modes. */
export function changeTree(root: string): void {
  const at = (name: string): string => join(root, name);
  appendFileSync(at("sizes/large"), "one line more\n");
  writeFileSync(at("sizes/new"), noise(4242, 40_000));
  writeFileSync(at("sizes/text-8192"), "now small");
  renameSync(at("sizes/random-65536"), at("sizes/renamed"));
  chmodSync(at("sizes/random-16384"), 0o600);
  for (const name of ["sizes/zero-4096", "large-directory/entry-7", "large-directory/entry-10", "empty-directory"]) {
    rmSync(at(name), { recursive: true });
  }
  mkdirSync(at("new-directory/below"), { recursive: true });
  writeFileSync(at("new-directory/below/file"), "new");
  rmSync(at("special/link-up"));
  writeFileSync(at("special/link-up"), "a file where a link was");
}

/** Replaces one of the names of a hard-linked fifo by another inode. */
export function replaceHardLink(root: string): void {
  rmSync(join(root, "special/fifo"));
  symlinkSync("elsewhere", join(root, "special/fifo"));
}
