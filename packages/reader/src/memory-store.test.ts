/** Readers know a BlobStore only: what they make of one that has no files is what they make of a layout. */
import test from "ava";
import { type BlobStore, LayoutError, type StoredBlob } from "@puzzlefs/oci";
import { dump } from "./dump.ts";
import { IntegrityError } from "./errors.ts";
import { dir, file, run, seekable, withFixture } from "./image-fixture.ts";
import { openImage, openImageIn } from "./image.ts";
import type { Tree } from "./tree.ts";

/** Blobs in memory. It answers a read with at most `most` bytes. */
class MemoryStore implements BlobStore {
  readonly path = "memory";
  readonly blobs = new Map<string, Buffer>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  pathOf(digest: string): string {
    return `memory/${digest}`;
  }

  open(digest: string): StoredBlob {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new LayoutError("missing", this.pathOf(digest), "no such blob");
    return {
      size: bytes.length,
      allocated: bytes.length,
      read: (into, at, position) => bytes.copy(into, at, position, Math.min(position + this.#most, bytes.length)),
      willNeed: () => {},
      measureVerity: () => undefined,
      enableVerity: () => {},
      close: () => {},
    };
  }

  openAhead(digest: string, use: (blob: StoredBlob | undefined) => void): void {
    use(this.has(digest) ? this.open(digest) : undefined);
  }

  read(digest: string): Buffer {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new LayoutError("missing", this.pathOf(digest), "no such blob");
    return bytes;
  }

  has(digest: string): boolean {
    return this.blobs.has(digest);
  }

  size(digest: string): number | undefined {
    return this.blobs.get(digest)?.length;
  }

  list(): string[] {
    return [...this.blobs.keys()];
  }

  remove(digest: string): boolean {
    return this.blobs.delete(digest);
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

function linesOf(tree: Tree): string[] {
  const lines: string[] = [];
  dump(tree, (line) => lines.push(line));
  return lines;
}

for (const verify of ["none", "blob"] as const) {
  test(`an image in memory reads as the same image on disk, verify ${verify}`, (t) => {
    withFixture((fixture, layout) => {
      const content = Buffer.alloc(100_000, "content ");
      const raw = fixture.chunk(content);
      const compressed = fixture.chunk(seekable(content, 30_000));
      const inodes = [
        dir(1, { raw: 2, zstd: 3 }),
        file(2, [run(raw, 0, content.length)]),
        file(3, [run(compressed, 10, content.length - 10, true), run(raw, 5, 7)]),
      ];
      const digest = fixture.image("v1", { metadatas: [{ inodes }] });
      const store = new MemoryStore(777);
      for (const blob of layout.blobs.list()) store.blobs.set(blob, layout.blobs.read(blob, 1 << 20));
      using onDisk = openImage(layout, "v1", { verify });
      using inMemory = openImageIn(store, digest, { verify });
      t.deepEqual(linesOf(inMemory), linesOf(onDisk));
      store.remove(raw.toString("hex"));
      using incomplete = openImageIn(store, digest, { verify });
      t.throws(() => linesOf(incomplete), { instanceOf: IntegrityError, message: /is missing from the store/ });
    });
  });
}
