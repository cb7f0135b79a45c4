import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { blobPath, build, chunkDigests } from "../support/images.ts";
import { attempt, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** One byte wrong anywhere, and `verify` ends with 3 and names the blob. */

const scratch = new Scratch();
const tree = scratch.fresh("tree");
const ways = [[], ["-c"]];
const corrupt = 3;

test.before(() => makeHostileTree(tree, { largeDirectory: 100, sparseBytes: 3_000_000 }));
test.after.always(() => scratch.remove());

for (const options of ways) {
  const title = options.length === 0 ? "raw" : options.join(" ");

  test.serial(`a flipped byte is found in every kind of blob: ${title}`, (t) => {
    const store = scratch.fresh("store");
    build(tree, `${store}:v1`, ...options);
    t.is(attempt(puzzlefs, ["verify", `${store}:v1`]).status, 0);
    const { manifest, metadata } = JSON.parse(run(puzzlefs, ["inspect", "--json", `${store}:v1`])) as Digests;
    const chunks = chunkDigests(store, "v1");
    for (const digest of [manifest, metadata, chunks[0], chunks.at(-1)]) {
      for (const position of [0, 0.5, 1]) {
        const restore = flip(blobPath(store, digest as string), position);
        assertFound(t, store, digest as string, `byte at ${position} flipped`);
        restore();
      }
    }
    t.is(attempt(puzzlefs, ["verify", `${store}:v1`]).status, 0);
  });

  test.serial(`a blob that is short or missing is found: ${title}`, (t) => {
    const store = scratch.fresh("store");
    build(tree, `${store}:v1`, ...options);
    const [first, second] = chunkDigests(store, "v1") as [string, string];
    const path = blobPath(store, first);
    const whole = readFileSync(path);
    truncateSync(path, whole.length - 1);
    assertFound(t, store, first, "cut short");
    writeFileSync(path, Buffer.concat([whole, Buffer.from("x")]));
    assertFound(t, store, first, "one byte more");
    writeFileSync(path, whole);
    rmSync(blobPath(store, second));
    assertFound(t, store, second, "missing");
  });
}

test.serial("a blob that no image uses is found by verifying the layout", (t) => {
  const store = scratch.fresh("store");
  build(tree, `${store}:v1`);
  const name = readdirSync(`${store}/blobs/sha256`).length.toString(16).padStart(64, "0");
  writeFileSync(blobPath(store, name), "not the content of its name");
  const { stdout, stderr } = attempt(puzzlefs, ["verify", store]);
  t.true(`${stdout}${stderr}`.includes(name));
});

interface Digests {
  manifest: string;
  metadata: string;
}

function assertFound(t: ExecutionContext, store: string, digest: string, what: string): void {
  for (const name of [store, `${store}:v1`]) {
    const { status, stderr } = attempt(puzzlefs, ["verify", name]);
    t.is(status, corrupt, `${what}: ${digest}: ${stderr}`);
    t.true(stderr.includes(digest.replace("sha256:", "")), `${what}: ${digest} is not named: ${stderr}`);
  }
}

/** Changes a byte of a file. @param position from 0 (the first byte) to 1 (the last) @returns undoes the change */
function flip(path: string, position: number): () => void {
  const bytes = readFileSync(path);
  const { mode } = statSync(path);
  const changed = Buffer.from(bytes);
  const at = Math.floor((bytes.length - 1) * position);
  changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
  writeFileSync(path, changed, { mode });
  return () => writeFileSync(path, bytes, { mode });
}
