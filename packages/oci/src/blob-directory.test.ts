import { constants, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, Directory, makedev, mknodat } from "@puzzlefs/linux";
import test, { type ExecutionContext } from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { BlobDirectory } from "./blob-directory.ts";
import type { BlobStore, StoredBlob } from "./blob-store.ts";
import { sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";

const directory = temporaryDirectory();
const root = process.getuid?.() === 0;

let count = 0;

/** A directory of blobs with one blob in it. */
function fresh(t: ExecutionContext): { blobs: BlobDirectory; path: string; digest: string } {
  const path = join(directory, `${count++}`);
  mkdirSync(path);
  const digest = sha256Hex(Buffer.from("content"));
  writeFileSync(join(path, digest), "content");
  const blobs = new BlobDirectory(Directory.open(path));
  t.teardown(() => blobs.close());
  return { blobs, path, digest };
}

/** Opens a blob ahead; its content, or undefined. */
async function ahead(blobs: BlobStore, digest: string): Promise<string | undefined> {
  const blob = await new Promise<StoredBlob | undefined>((resolve) => blobs.openAhead(digest, resolve));
  return blob === undefined ? undefined : contentOf(blob);
}

function contentOf(blob: StoredBlob): string {
  try {
    const bytes = Buffer.alloc(blob.size);
    return bytes.toString("utf8", 0, blob.read(bytes, 0, 0));
  } finally {
    blob.close();
  }
}

test("a blob is opened, read, measured and listed by its digest, wherever the directory went", async (t) => {
  const { blobs, path, digest } = fresh(t);
  writeFileSync(join(path, "something else"), "");
  renameSync(path, `${path}-moved`);
  t.is(contentOf(blobs.open(digest)), "content");
  t.is(await ahead(blobs, digest), "content");
  t.is(blobs.read(digest, 7).toString(), "content");
  t.is(blobs.size(digest), 7);
  t.true(blobs.has(digest));
  t.deepEqual(blobs.list(), [digest]);
  t.true(blobs.remove(digest));
  t.deepEqual(blobs.list(), []);
});

test("a blob that is missing, damaged or too large is refused", async (t) => {
  const { blobs, path, digest } = fresh(t);
  const absent = "1".repeat(64);
  t.like(
    t.throws(() => blobs.open(absent), { instanceOf: LayoutError, message: new RegExp(`${path}/${absent}`) }),
    { kind: "missing" },
  );
  t.is(await ahead(blobs, absent), undefined);
  t.is(blobs.size(absent), undefined);
  t.false(blobs.has(absent));
  t.false(blobs.remove(absent));
  t.like(
    t.throws(() => blobs.read(absent, 7), { instanceOf: LayoutError }),
    { kind: "missing" },
  );
  t.like(
    t.throws(() => blobs.read(digest, 6), { message: /7 bytes, more than 6$/ }),
    { kind: "corrupt" },
  );
  writeFileSync(join(path, digest), "CONTENT");
  t.like(
    t.throws(() => blobs.read(digest, 7), { message: /its content has sha256/ }),
    { kind: "corrupt" },
  );
});

test("only 64 lower-case hex digits are a name", (t) => {
  const { blobs } = fresh(t);
  for (const bad of ["", "../../etc/passwd", "sha256:" + "0".repeat(64), "A".repeat(64), "0".repeat(63)])
    for (const use of ["open", "has", "size", "remove", "pathOf"] as const)
      t.throws(() => blobs[use](bad), { instanceOf: TypeError });
});

test("a file that is not regular is not a blob", async (t) => {
  const { blobs, path, digest } = fresh(t);
  const outside = join(directory, `outside-${count}`);
  writeFileSync(outside, "content");
  const kinds: Record<string, (at: string) => unknown> = {
    link: (at) => symlinkSync(outside, at),
    "dangling link": (at) => symlinkSync(`${outside}-absent`, at),
    "link to a blob": (at) => symlinkSync(digest, at),
    "link to a directory": (at) => symlinkSync(directory, at),
    directory: (at) => mkdirSync(at),
    fifo: (at) => mknodat(AT_FDCWD, at, constants.S_IFIFO | 0o644),
    socket: (at) => mknodat(AT_FDCWD, at, constants.S_IFSOCK | 0o644),
    ...(root && { device: (at: string) => mknodat(AT_FDCWD, at, constants.S_IFCHR | 0o644, makedev(1, 3)) }),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    make(join(path, "a".repeat(64)));
    const refusal = { instanceOf: LayoutError, message: /not a regular file$/ };
    t.throws(() => blobs.open("a".repeat(64)), refusal, kind);
    t.throws(() => blobs.read("a".repeat(64), 1000), refusal, kind);
    t.is(blobs.size("a".repeat(64)), undefined, kind);
    if (kind.includes("link")) t.is(await ahead(blobs, "a".repeat(64)), undefined, kind);
    // A socket cannot be opened at all.
    else if (kind !== "socket") await t.throwsAsync(ahead(blobs, "a".repeat(64)), refusal, kind);
    rmSync(join(path, "a".repeat(64)), { recursive: true });
  }
});

test("many blobs are opened ahead at once", async (t) => {
  const { blobs, digest } = fresh(t);
  const contents = await Promise.all(Array.from({ length: 200 }, () => ahead(blobs, digest)));
  t.deepEqual(new Set(contents), new Set(["content"]));
});
