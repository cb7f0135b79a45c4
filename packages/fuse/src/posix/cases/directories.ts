import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import { baseName, type Case, childrenOf, pathOf, type Subject } from "../case.ts";
import { MANY, STRANGE_NAMES } from "../fixture.ts";
import { type RawEntry, systemCalls } from "../system-calls.ts";

const DT = { fifo: 1, chr: 2, dir: 4, blk: 6, file: 8, lnk: 10, sock: 12 } as const;

function listing(subject: Subject, directory: string, bytes = 32768): RawEntry[] {
  const descriptor = openSync(pathOf(subject, directory), "r");
  try {
    const entries: RawEntry[] = [];
    for (;;) {
      const more = systemCalls().getdents(descriptor, bytes);
      if (more.length === 0) return entries;
      entries.push(...more);
    }
  } finally {
    closeSync(descriptor);
  }
}

function names(entries: RawEntry[]): string[] {
  return entries.map(({ name }) => name).filter((name) => name !== "." && name !== "..");
}

export const directoryCases: Case[] = [
  {
    name: "every directory lists its entries, no more and no less, with their types",
    check(subject) {
      for (const { path, kind } of subject.entries) {
        if (kind !== "dir" || path === "many") continue;
        const types = new Map(listing(subject, path).map(({ name, type }) => [name, type]));
        const expected = childrenOf(subject, path).map((entry) => [baseName(entry), DT[entry.kind]] as const);
        types.delete(".");
        types.delete("..");
        assert.deepEqual(types, new Map(expected), path);
      }
    },
  },
  {
    name: "dot and dot-dot are listed with the inode numbers of the directory and its parent",
    check(subject) {
      const found = new Map(listing(subject, "modes/sticky").map(({ name, ino }) => [name, ino]));
      assert.equal(found.get("."), statSync(pathOf(subject, "modes/sticky"), { bigint: true }).ino);
      assert.equal(found.get(".."), statSync(pathOf(subject, "modes"), { bigint: true }).ino);
    },
  },
  {
    name: "d_ino of every entry is its st_ino",
    check(subject) {
      for (const { name, ino } of listing(subject, "sizes")) {
        if (name.startsWith(".")) continue;
        assert.equal(ino, statSync(pathOf(subject, `sizes/${name}`), { bigint: true }).ino);
      }
    },
  },
  {
    name: "names of any bytes can be listed and opened",
    check(subject) {
      assert.deepEqual(names(listing(subject, "names")).toSorted(), STRANGE_NAMES.toSorted());
      for (const name of STRANGE_NAMES) assert.ok(statSync(pathOf(subject, `names/${name}`)).isFile(), name);
    },
  },
  {
    name: "20,000 entries are listed once each, in large and in small pieces",
    check(subject) {
      const expected = Array.from({ length: MANY }, (_, index) => `entry-${index}`).toSorted();
      for (const bytes of [32768, 1_000_000, 700]) {
        assert.deepEqual(names(listing(subject, "many", bytes)).toSorted(), expected, `pieces of ${bytes}`);
      }
    },
  },
  {
    name: "a listing goes on from any entry's offset, and from the start after a rewind",
    check(subject) {
      const calls = systemCalls();
      const all = listing(subject, "many");
      const descriptor = openSync(pathOf(subject, "many"), "r");
      try {
        for (const index of [0, 1, 2, 777, 10_001, MANY + 1]) {
          calls.lseek(descriptor, all[index].next, 0);
          const [following] = calls.getdents(descriptor, 700);
          assert.equal(following?.name, all[index + 1]?.name, `after entry ${index}`);
        }
        calls.lseek(descriptor, 0n, 0);
        assert.equal(calls.getdents(descriptor, 700)[0].name, all[0].name);
      } finally {
        closeSync(descriptor);
      }
    },
  },
  {
    name: "two listings of one directory at once do not disturb each other",
    check(subject) {
      const calls = systemCalls();
      const streams = [openSync(pathOf(subject, "many"), "r"), openSync(pathOf(subject, "many"), "r")];
      try {
        const found = [new Set<string>(), new Set<string>()];
        for (let round = 0, more = true; more; round++) {
          more = false;
          for (const [index, stream] of streams.entries()) {
            const entries = calls.getdents(stream, index === 0 ? 5000 : 9000);
            for (const { name } of entries) found[index].add(name);
            more ||= entries.length > 0;
          }
        }
        for (const set of found) assert.equal(set.size, MANY + 2);
      } finally {
        for (const stream of streams) closeSync(stream);
      }
    },
  },
  {
    name: "an empty directory is empty",
    check(subject) {
      assert.deepEqual(readdirSync(pathOf(subject, "empty-dir")), []);
    },
  },
];
