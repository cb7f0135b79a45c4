/** Sizes that nothing justifies: sparse blobs cost nothing to make. */
import { truncateSync, writeFileSync } from "node:fs";
import test from "ava";
import { encodeRootfs, FormatError } from "@puzzlefs/format";
import { IntegrityError } from "./errors.ts";
import { dir, file, run, seekable, sha256, withFixture } from "./image-fixture.ts";
import { openImage, readHeader } from "./image.ts";
import { verifyImage } from "./verify.ts";

const tebibyte = 2 ** 40;
const rootOnly = { metadatas: [{ inodes: [dir(1, {})] }] };
const metadataDigest = sha256(encodeRootfs({ ...rootOnly, fsVerityData: [], manifestVersion: 3 }));

/** Fails before a buffer of that size is taken: Node cannot allocate one of 2^40 bytes, and would throw a RangeError. */
test("metadata of another size than the manifest has is refused before memory is taken", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", rootOnly);
    for (const size of [1, 2 ** 30, tebibyte]) {
      truncateSync(fixture.blobPath(metadataDigest), size);
      for (const use of [() => openImage(layout, "v1"), () => readHeader(layout, "v1")]) {
        const error = t.throws(use, { instanceOf: IntegrityError });
        t.is(error.reason, "size");
        t.is(error.blob, `metadata blob sha256:${metadataDigest.toString("hex")}`);
        t.regex(error.message, new RegExp(`${size} bytes instead of \\d+`));
      }
    }
  });
});

const headers: [title: string, head: number[], size: number, rule: string][] = [
  ["more than 1 GiB", [0, 2 ** 27 - 1], 2 ** 30 + 8, "message-too-large"],
  ["more than 4 GiB", [0, 2 ** 27 - 1], tebibyte, "message-too-large"],
  ["a segment that is shorter than the file", [0, 1], 2 ** 30, "message-trailing-bytes"],
  ["a segment that is longer than the file", [0, 2 ** 28], 2 ** 30, "message-truncated"],
  ["too many segments", [512], 2 ** 30, "message-segments"],
];
for (const [title, head, size, rule] of headers) {
  test(`metadata is refused by its header, before memory is taken: ${title}`, (t) => {
    withFixture((fixture, layout) => {
      const bytes = Buffer.from(new Uint32Array(head).buffer);
      fixture.image("v1", bytes, size);
      truncateSync(fixture.blobPath(sha256(bytes)), size);
      const before = process.resourceUsage().maxRSS;
      const error = t.throws(() => openImage(layout, "v1"), { instanceOf: FormatError });
      t.is(error.rule, rule);
      t.regex(error.object, /^metadata blob sha256:[0-9a-f]{64}$/);
      t.true(process.resourceUsage().maxRSS - before < 100_000, "kB");
    });
  });
}

test("verify hashes no blob that is larger than manifests justify", (t) => {
  withFixture((fixture, layout) => {
    const raw = fixture.chunk(Buffer.alloc(1000, "raw"));
    const compressed = fixture.chunk(seekable(Buffer.alloc(1000, "zstd"), 1000), true);
    const unlisted = sha256(Buffer.from("unlisted"));
    const inodes = [dir(1, { a: 2, b: 3 }), file(2, [run(raw, 0, 1000)]), file(3, [run(compressed, 0, 1000, true)])];
    fixture.image("v1", { metadatas: [{ inodes }] });
    t.deepEqual(verifyImage(layout).problems, []);
    writeFileSync(fixture.blobPath(unlisted), "");
    for (const digest of [raw, compressed, unlisted]) truncateSync(fixture.blobPath(digest), tebibyte);
    const start = performance.now();
    const { problems } = verifyImage(layout);
    // 2^40 bytes take ten minutes to hash.
    t.true(performance.now() - start < 60_000);
    const errors = problems.filter(({ severity }) => severity === "error");
    const name = (digest: Buffer): string => `blob sha256:${digest.toString("hex")}`;
    t.deepEqual(errors.map(({ object }) => object).sort(), [raw, compressed, unlisted].map(name).sort());
    for (const { message } of errors) t.regex(message, /does not have the size .*1099511627776 bytes/);
  });
});
