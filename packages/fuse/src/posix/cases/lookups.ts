import assert from "node:assert/strict";
import { lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { type Case, notable, original, pathOf, type Subject } from "../case.ts";
import { DEPTH } from "../fixture.ts";

function fails(subject: Subject, path: string, code: string): void {
  assert.throws(() => statSync(pathOf(subject, path)), { code }, path);
}

export const lookupCases: Case[] = [
  {
    name: "a name that is not there is ENOENT, again and again",
    check(subject) {
      for (let round = 0; round < 3; round++) {
        fails(subject, "missing", "ENOENT");
        fails(subject, "sizes/4096x", "ENOENT");
        fails(subject, "names/new", "ENOENT");
        fails(subject, "missing/below", "ENOENT");
      }
    },
  },
  {
    name: "names differ by case, and by every byte",
    check(subject) {
      fails(subject, "HELLO", "ENOENT");
      fails(subject, "hello ", "ENOENT");
      fails(subject, "names/\xfc UTF-8", "ENOENT");
    },
  },
  {
    name: "a name of 256 bytes is ENAMETOOLONG",
    check(subject) {
      fails(subject, `names/${"n".repeat(256)}`, "ENAMETOOLONG");
    },
  },
  {
    name: "a path through a file is ENOTDIR",
    check(subject) {
      fails(subject, "hello/below", "ENOTDIR");
      fails(subject, "hello/", "ENOTDIR");
    },
  },
  {
    name: "dot and dot-dot lead where they should",
    check(subject) {
      const root = statSync(subject.root).ino;
      assert.equal(statSync(pathOf(subject, "modes/sticky/../..")).ino, root);
      assert.equal(statSync(pathOf(subject, "deep/d/d/./../../..")).ino, root);
    },
  },
  {
    name: "100 levels down there is a file",
    check(subject) {
      const path = `deep${"/d".repeat(DEPTH - 1)}/bottom`;
      assert.equal(readFileSync(pathOf(subject, path), "latin1"), "bottom");
    },
  },
  {
    name: "every symlink has its target, byte for byte, and its length as size",
    check(subject) {
      for (const entry of notable(subject)) {
        if (entry.kind !== "lnk") continue;
        const path = pathOf(subject, entry.path);
        for (let round = 0; round < 2; round++) {
          assert.equal(readlinkSync(path, "latin1"), entry.target, entry.path);
        }
        assert.equal(lstatSync(path).size, entry.target?.length, entry.path);
      }
    },
  },
  {
    name: "symlinks are followed, dangle and loop",
    check(subject) {
      assert.equal(readFileSync(pathOf(subject, "links/relative"), "latin1"), "hello, world\n");
      assert.equal(readFileSync(pathOf(subject, "links/to-dir/1")).length, 1);
      assert.equal(realpathSync(pathOf(subject, "links/to-dir")), realpathSync(pathOf(subject, "sizes")));
      fails(subject, "links/absolute", "ENOENT");
      fails(subject, "links/loop", "ELOOP");
    },
  },
  {
    name: "hard links are one inode and count each other; other inodes are all different",
    check(subject) {
      const numbers = new Map<bigint, string>();
      const names = new Map<string, number>();
      for (const entry of subject.entries) {
        const path = original(subject, entry).path;
        names.set(path, (names.get(path) ?? 0) + 1);
      }
      for (const entry of notable(subject)) {
        const stat = lstatSync(pathOf(subject, entry.path), { bigint: true });
        const path = original(subject, entry).path;
        assert.equal(numbers.get(stat.ino) ?? path, path, entry.path);
        numbers.set(stat.ino, path);
        if (entry.kind !== "dir") assert.equal(Number(stat.nlink), names.get(path), entry.path);
      }
    },
  },
];
