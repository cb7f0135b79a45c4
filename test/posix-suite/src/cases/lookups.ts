import { type Case, notable, original, pathOf, type Subject } from "../case.ts";
import { expectEqual, expectFailure } from "../expect.ts";
import { DEPTH } from "../fixture.ts";

function fails(subject: Subject, path: string, code: string): void {
  expectFailure(code, () => void subject.system.status(pathOf(subject, path), true), path);
}

function inoAt(subject: Subject, path: string): string {
  return subject.system.status(pathOf(subject, path), true).ino;
}

export const lookupCases: Case[] = [
  {
    name: "a name that is not there is ENOENT, again and again",
    check(subject) {
      for (let round = 0; round < 3; round++) {
        for (const path of ["missing", "sizes/4096x", "names/new", "missing/below"]) fails(subject, path, "ENOENT");
      }
    },
  },
  {
    name: "names differ by case, and by every byte",
    check(subject) {
      const { system } = subject;
      for (const path of ["HELLO", "hello ", system.environment.latin1("names/\xfc UTF-8")]) {
        fails(subject, path, "ENOENT");
      }
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
      const root = inoAt(subject, "");
      expectEqual(inoAt(subject, "modes/sticky/../.."), root, "up twice");
      expectEqual(inoAt(subject, "deep/d/d/./../../.."), root, "down and up again");
    },
  },
  {
    name: "100 levels down there is a file",
    check(subject) {
      const path = `deep${"/d".repeat(DEPTH - 1)}/bottom`;
      expectEqual(subject.system.readFile(pathOf(subject, path)), "bottom", path);
    },
  },
  {
    name: "every symlink has its target, byte for byte, and its length as size",
    check(subject) {
      for (const entry of notable(subject)) {
        if (entry.kind !== "lnk") continue;
        const path = pathOf(subject, entry.path);
        for (let round = 0; round < 2; round++) {
          expectEqual(subject.system.readlink(path), entry.target ?? "", entry.path);
        }
        expectEqual(subject.system.status(path).size, (entry.target ?? "").length, entry.path);
      }
    },
  },
  {
    name: "symlinks are followed, dangle and loop",
    check(subject) {
      const { system } = subject;
      expectEqual(system.readFile(pathOf(subject, "links/relative")), "hello, world\n", "a file");
      expectEqual(system.readFile(pathOf(subject, "links/to-dir/1")).length, 1, "through a directory");
      expectEqual(inoAt(subject, "links/to-dir"), inoAt(subject, "sizes"), "a directory");
      fails(subject, "links/absolute", "ENOENT");
      fails(subject, "links/loop", "ELOOP");
    },
  },
  {
    name: "hard links are one inode and count each other; other inodes are all different",
    check(subject) {
      const pathByIno = new Map<string, string>();
      const names = new Map<string, number>();
      for (const entry of notable(subject)) {
        const { path } = original(subject, entry);
        names.set(path, (names.get(path) ?? 0) + 1);
      }
      for (const entry of notable(subject)) {
        const { ino, nlink } = subject.system.status(pathOf(subject, entry.path));
        const { path } = original(subject, entry);
        expectEqual(pathByIno.get(ino) ?? path, path, entry.path);
        pathByIno.set(ino, path);
        if (entry.kind !== "dir") expectEqual(nlink, names.get(path), `links of ${entry.path}`);
      }
    },
  },
];
