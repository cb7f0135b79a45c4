import { type Case, pathOf, type Subject } from "../case.ts";
import { expectEqual, expectFailure, expectTrue } from "../expect.ts";
import { SIZES } from "../fixture.ts";

const LARGEST = 1_000_003;

function withFile(subject: Subject, path: string, use: (descriptor: number) => void): void {
  const descriptor = subject.system.open(pathOf(subject, path));
  try {
    use(descriptor);
  } finally {
    subject.system.close(descriptor);
  }
}

function contentOf(subject: Subject, path: string): string {
  return subject.entries.find((entry) => entry.path === path)?.content ?? "";
}

/** Reads `length` bytes at `offset` and compares what came; returns the number of bytes. */
function readAndCompare(subject: Subject, descriptor: number, content: string, offset: number, length: number): number {
  const found = subject.system.pread(descriptor, offset, length);
  if (found !== content.slice(offset, offset + found.length)) throw new Error(`${length} at ${offset}: wrong bytes`);
  return found.length;
}

export const contentCases: Case[] = [
  {
    name: "files of every size around pages and readahead, read at once",
    check(subject) {
      for (const size of SIZES) {
        const content = contentOf(subject, `sizes/${size}`);
        withFile(subject, `sizes/${size}`, (file) =>
          expectEqual(readAndCompare(subject, file, content, 0, size + 1), size, `size ${size}`),
        );
      }
    },
  },
  {
    name: "small files, names as content",
    check(subject) {
      for (const { path, content } of subject.entries) {
        if (!path.startsWith("names/")) continue;
        expectEqual(subject.system.readFile(pathOf(subject, path)), content ?? "", path);
      }
    },
  },
  {
    name: "reads at odd offsets and of odd lengths",
    check(subject) {
      const content = contentOf(subject, `sizes/${LARGEST}`);
      withFile(subject, `sizes/${LARGEST}`, (file) => {
        for (const offset of [0, 1, 511, 4095, 4097, 65535, 131_071, 131_073, 524_287, 999_999]) {
          for (const length of [1, 2, 511, 4096, 4097, 100_001]) {
            const expected = Math.min(length, LARGEST - offset);
            expectEqual(readAndCompare(subject, file, content, offset, length), expected, `${length} at ${offset}`);
          }
        }
      });
    },
  },
  {
    name: "reads backwards, in steps of a prime",
    check(subject) {
      const content = contentOf(subject, `sizes/${LARGEST}`);
      withFile(subject, `sizes/${LARGEST}`, (file) => {
        for (let offset = LARGEST - 10_007; offset >= 0; offset -= 10_007) {
          expectEqual(readAndCompare(subject, file, content, offset, 10_007), 10_007, `at ${offset}`);
        }
      });
    },
  },
  {
    name: "reads at and past the end return no bytes",
    check(subject) {
      for (const size of SIZES) {
        withFile(subject, `sizes/${size}`, (file) => {
          for (const offset of [size, size + 1, size + 4096, size + 1_000_000]) {
            expectEqual(subject.system.pread(file, offset, 100), "", `size ${size} at ${offset}`);
          }
        });
      }
    },
  },
  {
    name: "files that are mapped into memory show what is read, and zeros to the end of the page",
    check(subject) {
      const { system } = subject;
      const page = 4096;
      for (const size of SIZES) {
        if (size === 0) continue;
        withFile(subject, `sizes/${size}`, (file) => {
          const address = system.map(file, size);
          const content = contentOf(subject, `sizes/${size}`);
          expectTrue(system.mappedEquals(address, content), `size ${size}`);
          const rest = page - (size % page);
          if (rest < page) expectTrue(system.mappedEquals(address + size, "\0".repeat(rest)), `behind ${size}`);
          system.unmap(address, size);
        });
      }
    },
  },
  {
    name: "many files open at once",
    check(subject) {
      const { system } = subject;
      const files: number[] = [];
      for (let index = 0; index < 500; index++) files.push(system.open(pathOf(subject, `many/entry-${index * 40}`)));
      for (let index = 0; index < 500; index++) {
        expectEqual(system.pread(files[index], 0, 100), `${index * 40}`, `file ${index}`);
      }
      for (const file of files) system.close(file);
    },
  },
  {
    name: "reading a directory is EISDIR",
    check(subject) {
      withFile(subject, "sizes", (directory) => {
        expectFailure("EISDIR", () => void subject.system.pread(directory, 0, 1), "sizes");
      });
    },
  },
  {
    name: "status and fsync of an open file",
    check(subject) {
      const { system } = subject;
      withFile(subject, "sizes/4097", (file) => {
        expectEqual(system.statusOf(file).size, 4097, "size");
        system.call("fsync", "sizes/4097", file);
      });
    },
  },
  {
    name: "a script runs from the tree",
    check(subject) {
      const { status, output } = subject.system.environment.shell(`${subject.root}/bin/script well`);
      expectEqual(`${status} ${output}`, "0 ran well\n", "status and output");
    },
  },
];
