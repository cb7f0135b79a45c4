import { readdirSync, readlinkSync, rmSync } from "node:fs";
import test from "ava";
import { Layout } from "@puzzlefs/oci";
import { eventually } from "@puzzlefs/testing";
import { BlobCache } from "./blob-cache.ts";
import { type BlobKey, blobKey } from "./blob-key.ts";
import type { ContentMap } from "./content-map.ts";
import { ImageFixture } from "./image-fixture.ts";
import { LookAhead } from "./look-ahead.ts";

const limits = { openBlobs: 8, frameBytes: 1 << 16 };

/** Files of `runs` runs of 100 bytes; a run's blob is named INODE/RUN. */
function expectations(runs: (ino: number) => number | undefined) {
  const expected: string[] = [];
  const blobs = { expect: (key: BlobKey) => void expected.push(key) } as unknown as BlobCache;
  const contentOf = (ino: number): ContentMap | undefined => {
    const count = runs(ino);
    if (count === undefined) return undefined;
    const find = (offset: number): number => Math.floor(offset / 100);
    return { runs: count, size: count * 100, find, blob: (run: number) => `${ino}/${run}` } as unknown as ContentMap;
  };
  const ahead = new LookAhead(blobs, contentOf);
  return (ino: number, offset: number, end: number): string => {
    ahead.reading(ino, contentOf(ino) as ContentMap, offset, end);
    return expected.splice(0).join(" ");
  };
}

test("the rest of a file that is read in sequence", (t) => {
  const read = expectations((ino) => (ino === 9 ? 5 : undefined));
  t.is(read(9, 0, 100), "9/1 9/2 9/3 9/4");
  t.is(read(9, 100, 350), "9/3 9/4");
  t.is(read(9, 100, 200), "", "not where the last read ended");
  t.is(read(9, 200, 500), "", "nothing is left");
});

test("the next files of a walk, each once", (t) => {
  const read = expectations((ino) => (ino % 2 === 0 ? 1 : undefined));
  t.is(read(500, 0, 100), "", "no walk yet");
  t.is(read(502, 0, 100), "504/0 506/0 508/0 510/0 512/0 514/0 516/0 518/0");
  t.is(read(504, 0, 100), "520/0");
  t.is(read(506, 50, 100), "");
  t.is(read(300, 0, 100), "", "elsewhere");
});

test("an expected blob is open before it is read, and one that is missing fails only then", async (t) => {
  const fixture = new ImageFixture();
  using layout = Layout.open(fixture.directory);
  const store = layout.blobs;
  const openAhead = store.openAhead.bind(store);
  let answers = 0;
  store.openAhead = (digest, use) =>
    openAhead(digest, (blob) => {
      use(blob);
      answers++;
    });
  const blobs = new BlobCache(store, limits);
  const keys = ["a", "b", "c"].map((text) => blobKey(fixture.blob(Buffer.from(text)), false));
  const opened = (): number => {
    const links = readdirSync("/proc/self/fd").flatMap((name) => {
      try {
        return [readlinkSync(`/proc/self/fd/${name}`)];
      } catch {
        return [];
      }
    });
    return links.filter((link) => link.startsWith(`${layout.blobs.path}/`)).length;
  };
  try {
    for (const key of keys) blobs.expect(key);
    t.true(await eventually(() => answers === 3));
    t.is(opened(), 3);
    rmSync(fixture.blobPath(fixture.blob(Buffer.from("c"))));
    const into = Buffer.alloc(1);
    for (const [at, key] of keys.entries()) {
      blobs.read(key, 0, into, 1, 2);
      t.is(into.toString(), "abc"[at]);
    }
    t.is(opened(), 3);
    const missing = blobKey(Buffer.alloc(32, 7), false);
    blobs.expect(missing);
    t.true(await eventually(() => answers === 4));
    t.throws(() => blobs.read(missing, 0, into, 1, 2), { message: /missing/ });
  } finally {
    blobs.close();
    fixture.remove();
  }
  t.is(opened(), 0);
});
