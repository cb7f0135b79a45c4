import { baseName, type Case, childrenOf, pathOf, type Subject } from "../case.ts";
import { expectEqual, expectSameSet, expectTrue } from "../expect.ts";
import { MANY } from "../fixture.ts";
import type { RawEntry } from "../system.ts";

function listing(subject: Subject, directory: string, room = 32768): RawEntry[] {
  return subject.system.list(pathOf(subject, directory), room);
}

/** Without "." and "..". */
function namesOf(entries: readonly RawEntry[]): string[] {
  return entries.map(({ name }) => name).filter((name) => name !== "." && name !== "..");
}

function inoOf(entries: readonly RawEntry[], wanted: string): string {
  const found = entries.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`${wanted} is not listed`);
  return found.ino;
}

export const directoryCases: Case[] = [
  {
    name: "every directory lists its entries, no more and no less, with their types",
    check(subject) {
      for (const { path, kind } of subject.entries) {
        if (kind !== "dir" || path === "many" || path.startsWith("deep/d/d/")) continue;
        const found = listing(subject, path).filter(({ name }) => name !== "." && name !== "..");
        const expected = childrenOf(subject, path).map((entry) => `${entry.kind} ${baseName(entry)}`);
        const texts = found.map((entry) => `${entry.kind} ${entry.name}`);
        expectSameSet(texts, expected, `entries of ${path}`);
      }
    },
  },
  {
    name: "dot and dot-dot are listed with the inode numbers of the directory and its parent",
    check(subject) {
      const entries = listing(subject, "modes/sticky");
      expectEqual(inoOf(entries, "."), subject.system.status(pathOf(subject, "modes/sticky")).ino, "dot");
      expectEqual(inoOf(entries, ".."), subject.system.status(pathOf(subject, "modes")).ino, "dot-dot");
    },
  },
  {
    name: "d_ino of every entry is its st_ino",
    check(subject) {
      for (const { name, ino } of listing(subject, "sizes")) {
        if (name.startsWith(".")) continue;
        expectEqual(ino, subject.system.status(pathOf(subject, `sizes/${name}`)).ino, name);
      }
    },
  },
  {
    name: "names of any bytes can be listed and opened",
    check(subject) {
      const expected = childrenOf(subject, "names").map((entry) => baseName(entry));
      expectSameSet(namesOf(listing(subject, "names")), expected, "names");
      for (const name of expected) {
        expectEqual(subject.system.status(pathOf(subject, `names/${name}`)).kind, "file", name);
      }
    },
  },
  {
    name: "20,000 entries are listed once each, in large and in small pieces",
    check(subject) {
      const expected = childrenOf(subject, "many").map((entry) => baseName(entry));
      expectEqual(expected.length, MANY, "entries of the fixture");
      for (const room of [32768, 1_000_000, 700]) {
        expectSameSet(namesOf(listing(subject, "many", room)), expected, `pieces of ${room}`);
      }
    },
  },
  {
    name: "a listing goes on from any entry's offset, and from the start after a rewind",
    check(subject) {
      const { system } = subject;
      const all = listing(subject, "many");
      const directory = system.open(pathOf(subject, "many"));
      for (const index of [0, 1, 2, 777, 10_001, MANY + 1]) {
        system.seek(directory, all[index].next);
        const following = system.entries(directory, 700);
        const name = index === MANY + 1 ? "" : all[index + 1].name;
        expectEqual(following.length === 0 ? "" : following[0].name, name, `after entry ${index}`);
      }
      system.seek(directory, "\0".repeat(8));
      expectEqual(system.entries(directory, 700)[0].name, all[0].name, "after a rewind");
      system.close(directory);
    },
  },
  {
    name: "two listings of one directory at once do not disturb each other",
    check(subject) {
      const { system } = subject;
      const found = [new Set<string>(), new Set<string>()];
      const streams = found.map(() => system.open(pathOf(subject, "many")));
      let more = true;
      while (more) {
        more = false;
        for (let index = 0; index < streams.length; index++) {
          const entries = system.entries(streams[index], index === 0 ? 5000 : 9000);
          for (const { name } of entries) found[index].add(name);
          if (entries.length > 0) more = true;
        }
      }
      for (const names of found) expectEqual(names.size, MANY + 2, "names");
      for (const stream of streams) system.close(stream);
    },
  },
  {
    name: "an empty directory is empty",
    check(subject) {
      expectTrue(namesOf(listing(subject, "empty-dir")).length === 0, "empty-dir has entries");
    },
  },
];
