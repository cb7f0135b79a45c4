/** Which blobs get fs-verity, in which order; what the kernel does is in test/mounting/enable-fs-verity.test.ts. */
import { fsVerityDigest, type Layout, type StoredBlob } from "@puzzlefs/oci";
import test from "ava";
import { enableVerity } from "./enable-verity.ts";
import { IntegrityError } from "./errors.ts";
import { dir, file, run, withFixture } from "./image-fixture.ts";
import type { ImageHeader } from "./image-header.ts";
import { readHeader } from "./image.ts";

/** The blobs of a layout on a file system with fs-verity. */
class Blobs {
  /** Digests of the blobs that have fs-verity, in the order in which they got it. */
  readonly enabled: string[] = [];
  open: (digest: string) => StoredBlob;

  constructor(layout: Layout, measure: (bytes: Buffer) => Buffer = fsVerityDigest) {
    this.open = (digest) => {
      const bytes = layout.blobs.read(digest, 1 << 20);
      return {
        size: bytes.length,
        allocated: bytes.length,
        read: () => 0,
        willNeed: () => {},
        measureVerity: () => (this.enabled.includes(digest) ? measure(bytes) : undefined),
        enableVerity: () => void this.enabled.push(digest),
        close: () => {},
      };
    };
  }
}

interface Image {
  layout: Layout;
  header: ImageHeader;
  /** Digests of its blobs, hex: chunks, metadata, manifest. */
  blobs: string[];
  /** fs-verity digest of the manifest. */
  verity: string;
}

function withImage(use: (image: Image) => void): void {
  withFixture((fixture, layout) => {
    const chunks = ["one", "two"].map((text) => ({ digest: fixture.chunk(Buffer.from(text)), text }));
    chunks.sort((a, b) => Buffer.compare(a.digest, b.digest));
    const fsVerityData = chunks.map(({ digest, text }) => ({ digest, verity: fsVerityDigest(Buffer.from(text)) }));
    const runs = chunks.map(({ digest }) => run(digest, 0, 3));
    fixture.image("v1", { metadatas: [{ inodes: [dir(1, { f: 2 }), file(2, runs)] }], fsVerityData });
    const header = readHeader(layout, "v1");
    const digests = chunks.map(({ digest }) => digest.toString("hex"));
    const blobs = [...digests, header.metadataDigest, header.manifestDigest];
    use({ layout, header, blobs, verity: fsVerityDigest(header.manifest).toString("hex") });
  });
}

test("fs-verity is enabled on the chunks, then on the metadata, on the manifest last", (t) => {
  withImage(({ layout, header, blobs, verity }) => {
    const store = new Blobs(layout);
    t.is(enableVerity(store, header, verity), 4);
    t.deepEqual(store.enabled, blobs);
    t.is(enableVerity(store, header, verity), 4, "a second time");
    t.deepEqual(store.enabled, blobs);
  });
});

test("nothing is enabled if the manifest has another digest", (t) => {
  withImage(({ layout, header }) => {
    const store = new Blobs(layout);
    const error = t.throws(() => enableVerity(store, header, "0".repeat(64)), { instanceOf: IntegrityError });
    t.is(error?.blob, `manifest sha256:${header.manifestDigest}`);
    t.deepEqual(store.enabled, []);
  });
});

test("a blob of which the kernel measures another digest is an error, and the manifest gets no fs-verity", (t) => {
  withImage(({ layout, header, blobs, verity }) => {
    const store = new Blobs(layout, (bytes) => fsVerityDigest(bytes.toString() === "two" ? Buffer.from("2") : bytes));
    const error = t.throws(() => enableVerity(store, header, verity), { instanceOf: IntegrityError });
    t.is(error?.reason, "verity");
    t.false(store.enabled.includes(blobs[3] as string));
  });
});
