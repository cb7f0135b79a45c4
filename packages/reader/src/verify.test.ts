import { rmSync, writeFileSync } from "node:fs";
import test from "ava";
import { fsVerityDigest, Layout, LayoutError } from "@puzzlefs/oci";
import { dir, file, ImageFixture, run, seekable } from "./image-fixture.ts";
import { verifyImage } from "./verify.ts";
import type { VerifyReport } from "./verify.ts";

const content = Buffer.alloc(100_000, "content ");

interface Made {
  fixture: ImageFixture;
  layout: Layout;
  raw: Buffer;
  compressed: Buffer;
}

function withImage(use: (made: Made) => void, verity = fsVerityDigest(content)): void {
  const fixture = new ImageFixture();
  try {
    const raw = fixture.chunk(content);
    const compressed = fixture.chunk(seekable(content, 30_000));
    const inodes = [
      dir(1, { raw: 2, zstd: 3 }),
      file(2, [run(raw, 0, content.length)]),
      file(3, [run(compressed, 10, content.length - 10, true)]),
    ];
    const fsVerityData = [{ digest: raw, verity }];
    fixture.image("v1", { metadatas: [{ inodes }], fsVerityData });
    use({ fixture, layout: Layout.open(fixture.directory), raw, compressed });
  } finally {
    fixture.remove();
  }
}

const errors = ({ problems }: VerifyReport): string[] =>
  problems.filter(({ severity }) => severity === "error").map(({ object, message }) => `${object}: ${message}`);

test("a sound image has no problems", (t) => {
  withImage(({ layout }) => {
    const report = verifyImage(layout);
    t.deepEqual(report.problems, []);
    t.deepEqual(report.images, ["v1"]);
    t.is(report.blobs, 5);
    t.deepEqual(verifyImage(layout, "v1"), report);
  });
});

test("a blob that is removed while the layout is verified is an error only if an image needs it", (t) => {
  withImage(({ fixture, layout, raw }) => {
    const garbage = fixture.blob(Buffer.from("needed by no image"));
    const remove = (digest: Buffer) => () => rmSync(fixture.blobPath(digest), { force: true });
    // The verifier comes to it last.
    const report = verifyImage(layout, undefined, { progress: remove(garbage) });
    t.deepEqual(report.problems, []);
    t.is(report.blobs, 5);
    remove(raw)();
    t.is(errors(verifyImage(layout)).length, 1);
  });
});

test("every flipped bit is found, and the blob named", (t) => {
  withImage(({ fixture, layout, raw, compressed }) => {
    for (const [digest, bytes] of [
      [raw, content],
      [compressed, seekable(content, 30_000)],
    ] as const) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(33) ^ 4, 33);
      writeFileSync(fixture.blobPath(digest), damaged);
      const found = errors(verifyImage(layout));
      const name = `blob sha256:${digest.toString("hex")}`;
      t.is(found.length, 1);
      t.is(found[0], `${name}: ${name} does not have the sha256 it is named by`);
      writeFileSync(fixture.blobPath(digest), bytes);
    }
  });
});

test("a missing blob is found", (t) => {
  withImage(({ fixture, layout, raw }) => {
    rmSync(fixture.blobPath(raw));
    t.regex(errors(verifyImage(layout)).join(), /missing from the store/);
  });
});

test("a run beyond its blob and a bad seek table are found", (t) => {
  const fixture = new ImageFixture();
  const raw = fixture.chunk(content);
  const junk = fixture.chunk(Buffer.alloc(100, 1));
  const inodes = [
    dir(1, { beyond: 2, junk: 3 }),
    file(2, [run(raw, 1, content.length)]),
    file(3, [run(junk, 0, 10, true)]),
  ];
  fixture.image("v1", { metadatas: [{ inodes }] });
  const { problems } = verifyImage(Layout.open(fixture.directory));
  t.deepEqual(problems.map(({ rule, inode }) => `${rule} ${inode}`).sort(), [
    "chunk-outside-blob 2",
    "seek-table-magic 0",
  ]);
  fixture.remove();
});

test("a wrong fs-verity digest is an error", (t) => {
  withImage(
    ({ layout }) => {
      t.regex(errors(verifyImage(layout)).join(), /fs-verity digest/);
    },
    Buffer.alloc(32, 7),
  );
});

test("damaged metadata is a problem of the image; an unknown tag is the caller's", (t) => {
  withImage(({ fixture, layout }) => {
    fixture.image("v2", Buffer.alloc(64));
    const found = errors(verifyImage(layout));
    t.is(found.length, 1);
    t.regex(found[0] as string, /^metadata blob sha256:/);
    t.throws(() => verifyImage(layout, "v3"), { instanceOf: LayoutError });
    t.deepEqual(errors(verifyImage(layout, "v1")), []);
  });
});

test("chunks that the manifest leaves out are worth a warning", (t) => {
  const fixture = new ImageFixture();
  const inodes = [dir(1, { f: 2 }), file(2, [run(fixture.blob(content), 0, 5)])];
  fixture.image("v1", { metadatas: [{ inodes }] });
  const { problems } = verifyImage(Layout.open(fixture.directory));
  t.deepEqual(
    problems.map(({ severity }) => severity),
    ["warning"],
  );
  t.regex(problems[0]?.message ?? "", /copies of the image lose data/);
  fixture.remove();
});

test("sizes that a manifest lists wrongly are one warning, but those of damaged blobs are none", (t) => {
  for (const count of [1, 2]) {
    const fixture = new ImageFixture();
    const contents = Array.from({ length: count }, (_, index) => Buffer.concat([content, Buffer.of(index)]));
    const chunks = contents.map((bytes) => fixture.chunk(bytes, false, bytes.length + 1));
    const inodes = [
      dir(1, Object.fromEntries(chunks.map((_, index) => [`f${index}`, index + 2]))),
      ...chunks.map((digest, index) => file(index + 2, [run(digest, 0, 5)])),
    ];
    fixture.image("v1", { metadatas: [{ inodes }] });
    const layout = Layout.open(fixture.directory);
    const [{ severity, message } = { severity: "", message: "" }, ...others] = verifyImage(layout).problems;
    t.deepEqual([severity, others], ["warning", []]);
    t.is(
      message,
      `it lists a wrong size for ${count === 1 ? `blob sha256:${chunks[0]?.toString("hex")}` : "2 blobs"}: copying the image may fail`,
    );
    for (const digest of chunks) writeFileSync(fixture.blobPath(digest), content.subarray(1));
    const { problems } = verifyImage(layout);
    t.deepEqual(
      problems.map((problem) => problem.severity),
      chunks.map(() => "error"),
    );
    fixture.remove();
  }
});
