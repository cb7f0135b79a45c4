/** Layers that no program should write: a typed error with digest and byte, and nothing is left behind. */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { convert, LayerError, type LayerFailure } from "@puzzlefs/builder";
import { LayoutError, type LayoutFailure } from "@puzzlefs/oci";
import { Random } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { makeImage, sha256, type MadeImage } from "./layered-image.ts";
import { archive, dir, file, hardLink, member, symlink, whiteout, type Fields } from "./member.ts";

const root = dir("./");
/** The first header is at byte 512 where the root comes first. */
const FIRST = 512;

type Case = [kind: LayerFailure, offset: number, message: RegExp, archive: Buffer];

const changed = (change: (block: Buffer) => void): Fields => file("f", "x", { change });
const cases: Record<string, Case> = {
  "a name that leaves the tree": [
    "corrupt",
    FIRST,
    /^.*\.\.\/x: a name that leads out/,
    archive(root, file("../x", "1")),
  ],
  "a name that leaves the tree in the middle": ["corrupt", 0, /leads out/, archive(file("a/../../x", "1"))],
  "a hard link out of the tree": ["corrupt", 1536, /leads out/, archive(root, file("f", "1"), hardLink("l", "../f"))],
  "a hard link to nothing": ["corrupt", FIRST, /l: a hard link to a name that/, archive(root, hardLink("l", "none"))],
  "a hard link to itself": ["corrupt", 1536, /does not exist/, archive(root, file("f", "1"), hardLink("f", "f"))],
  "a hard link to a directory": ["corrupt", 1024, /to a directory/, archive(root, dir("d"), hardLink("l", "d"))],
  "a hard link to the root": ["corrupt", FIRST, /does not exist/, archive(root, hardLink("l", "/"))],
  "a root that is a symbolic link": ["corrupt", 0, /root is not a directory/, archive(symlink(".", "/etc"))],
  "a loop of symbolic links": [
    "corrupt",
    1536,
    /loop/,
    archive(root, symlink("a", "b"), symlink("b", "a"), file("a/f", "1")).subarray(0, -1024),
  ],
  "a file as a directory": [
    "corrupt",
    1536,
    /part of its path is not/,
    archive(root, file("f", "1"), file("f/g", "2")),
  ],
  "a whiteout without a name": ["corrupt", FIRST, /whiteout without/, archive(root, whiteout(".wh."))],
  "a whiteout of ..": ["corrupt", 1024, /whiteout without/, archive(root, dir("d"), whiteout("d/.wh..."))],
  "a whiteout of .": ["corrupt", 1024, /whiteout without/, archive(root, dir("d"), whiteout("d/.wh.."))],
  "a long name": [
    "corrupt",
    FIRST,
    /a name of 256 bytes/,
    archive(root, file("f", "", { records: [["path", "x".repeat(256)]] })),
  ],
  "an empty target": ["corrupt", FIRST, /its target/, archive(root, symlink("l", ""))],
  "a long target": [
    "corrupt",
    FIRST,
    /its target/,
    archive(root, { ...symlink("l", "x"), records: [["linkpath", "x".repeat(4096)]] }),
  ],
  "a wrong checksum": ["corrupt", FIRST, /checksum/, archive(root, Buffer.alloc(512, "x"))],
  "letters for a number": [
    "corrupt",
    FIRST,
    /field uid/,
    archive(
      root,
      changed((block) => block.write("zz", 108)),
    ),
  ],
  "a negative size": [
    "corrupt",
    FIRST,
    /size is negative/,
    archive(
      root,
      changed((block) => block.fill(0xff, 124, 136)),
    ),
  ],
  "a huge size in binary": [
    "corrupt",
    FIRST,
    /field size/,
    archive(
      root,
      changed((block) => block.fill(0xbf, 124, 136)),
    ),
  ],
  "a size beyond the end": ["corrupt", 2560, /ends inside of a member/, archive(root, file("f", "x", { size: 1e9 }))],
  "a negative owner": [
    "unsupported",
    FIRST,
    /uid -1 /,
    archive(
      root,
      changed((block) => block.fill(0xff, 108, 116)),
    ),
  ],
  "a large owner": [
    "unsupported",
    FIRST,
    /gid 4294967296/,
    archive(root, file("f", "", { records: [["gid", "4294967296"]] })),
  ],
  "a device that Linux has not": [
    "unsupported",
    FIRST,
    /device number 4096:0/,
    archive(root, { name: "c", type: "3", major: 4096 }),
  ],
  "an unknown type": ["unsupported", FIRST, /member of type "Z"/, archive(root, file("f", "", { type: "Z" }))],
  "a volume of many": ["unsupported", FIRST, /member of type "M"/, archive(root, file("f", "", { type: "M" }))],
  "a sparse file of star": ["unsupported", FIRST, /another format/, archive(root, file("f", "", { type: "S" }))],
  "records without a length": [
    "corrupt",
    FIRST,
    /records/,
    archive(root, file("x", "path=f\n", { type: "x" }), file("f", "")),
  ],
  "records that are too long": [
    "corrupt",
    FIRST,
    /records/,
    archive(root, file("x", "99 path=f\n", { type: "x" }), file("f", "")),
  ],
  "records of length 0": [
    "corrupt",
    FIRST,
    /records/,
    archive(root, file("x", "0 path=f\n", { type: "x" }), file("f", "")),
  ],
  "a NUL in a name": [
    "corrupt",
    FIRST,
    /path has a NUL/,
    archive(root, file("f", "", { records: [["path", "a\0b"]] })),
  ],
  "a time that is none": ["corrupt", FIRST, /mtime/, archive(root, file("f", "", { records: [["mtime", "1e9"]] }))],
  "an attribute without a name": [
    "corrupt",
    FIRST,
    /attribute/,
    archive(root, file("f", "", { records: [["SCHILY.xattr.", "x"]] })),
  ],
  "a large attribute": [
    "corrupt",
    FIRST,
    /attribute of 65537 bytes/,
    archive(root, file("f", "", { records: [["SCHILY.xattr.user.x", Buffer.alloc(65537)]] })),
  ],
  "an extended header of 2 MiB": [
    "limit",
    FIRST,
    /2097152 bytes/,
    archive(root, file("x", "", { type: "x", size: 2 << 20 })),
  ],
  "a long name of 2 MiB": ["limit", FIRST, /2097152 bytes/, archive(root, file("x", "", { type: "L", size: 2 << 20 }))],
  "an extended header at the end": [
    "corrupt",
    FIRST,
    /without a member/,
    archive(root, file("x", "8 a=bcd\n", { type: "x" })),
  ],
  ...sparseCases(),
};

function sparseCases(): Record<string, Case> {
  const wrong = (records: Fields["records"], content: string): Case => [
    "corrupt",
    FIRST,
    /sparse/,
    archive(root, file("f", content, { records: records ?? [] })),
  ];
  const one = (map: string, content: string): Case =>
    wrong(
      [
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.realsize", "1000"],
      ],
      map.padEnd(512, "\0") + content,
    );
  const old = (change: (block: Buffer) => void): Case => [
    "corrupt",
    FIRST,
    /sparse/,
    archive(root, file("f", "abc", { type: "S", magic: "ustar  \0", change })),
  ];
  const pair = (block: Buffer, at: number, offset: number, length: number): void => {
    block.write(offset.toString(8).padStart(11, "0"), at);
    block.write(length.toString(8).padStart(11, "0"), at + 12);
  };
  const size = (block: Buffer, value: number): number => block.write(value.toString(8).padStart(11, "0"), 483);
  return {
    "a sparse file without a size": wrong([["GNU.sparse.map", "0,1"]], "x"),
    "a sparse map with an odd number": wrong(
      [
        ["GNU.sparse.size", "10"],
        ["GNU.sparse.map", "0,1,5"],
      ],
      "x",
    ),
    "sparse pieces that overlap": wrong(
      [
        ["GNU.sparse.size", "10"],
        ["GNU.sparse.map", "4,1,4,1"],
      ],
      "xx",
    ),
    "sparse pieces beyond the file": wrong(
      [
        ["GNU.sparse.size", "10"],
        ["GNU.sparse.map", "9,2"],
      ],
      "xx",
    ),
    "sparse pieces of more than there is": wrong(
      [
        ["GNU.sparse.size", "10"],
        ["GNU.sparse.map", "0,5"],
      ],
      "xx",
    ),
    "a sparse map with letters": wrong(
      [
        ["GNU.sparse.size", "10"],
        ["GNU.sparse.map", "0,x"],
      ],
      "x",
    ),
    "an unknown version of sparse files": wrong(
      [
        ["GNU.sparse.size", "10"],
        ["GNU.sparse.major", "2"],
      ],
      "x",
    ),
    "a map before the content that does not end": one("3\n0\n1\n", "x"),
    "a map before the content with letters": one("1\nx\n1\n", "x"),
    "a map before the content with long lines": one("1".repeat(300), "x"),
    "a map before the content that overlaps": one("2\n5\n1\n5\n1\n", "xx"),
    "an old sparse map that overlaps": old((block) => {
      pair(block, 386, 5, 2);
      pair(block, 410, 6, 1);
      size(block, 100);
    }),
    "an old sparse map that does not fit": old((block) => {
      pair(block, 386, 5, 2);
      size(block, 100);
    }),
    "an old sparse map without a size": old((block) => {
      pair(block, 386, 5, 3);
      block.write("x", 483);
    }),
  };
}

/** Converts an image; the layout must be what it was afterwards. */
async function failing(layers: Buffer[], made: MadeImage = {}, limit?: number): Promise<unknown> {
  const layout = temporaryDirectory();
  makeImage(layout, layers, made);
  return failingIn(layout, limit);
}

async function failingIn(layout: string, limit?: number): Promise<unknown> {
  const target = join(temporaryDirectory(), "a/b");
  const source = { ociDir: layout, reference: "image" };
  const state = (): string => readdirSync(layout, { recursive: true, encoding: "utf8" }).sort().join();
  const before = state();
  const errors: unknown[] = [];
  for (const ociDir of [target, layout]) {
    try {
      await convert({ source, ociDir, tag: "new", jobs: 1, ...(limit !== undefined && { limit }) });
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 0) return undefined;
  if (existsSync(join(target, "..")) || state() !== before) throw new Error("something is left behind");
  if (errors.length === 1) throw new Error("one layout accepts what the other refuses");
  return errors[0];
}

for (const [name, [kind, offset, message, layer]] of Object.entries(cases)) {
  test(`${name}: an error that names layer and byte`, async (t) => {
    const error = await failing([layer]);
    if (!(error instanceof LayerError)) return t.fail(`${error}`);
    t.is(error.kind, kind);
    t.is(error.offset, offset, error.message);
    t.is(error.digest, sha256(gzipSync(layer, { level: 1 })));
    t.true(error.message.startsWith(`layer sha256:${error.digest}, byte ${offset}: `), error.message);
    t.regex(error.message.slice(error.message.indexOf(": ") + 2), message);
  });
}

test("an archive that ends at any block, or inside of one", async (t) => {
  const whole = archive(root, file("f", "x".repeat(1000)), { ...file("g", "y"), records: [["path", "h"]] });
  const end = whole.length - 1024;
  for (let length = 0; length <= end; length += 256) {
    const error = await failing([whole.subarray(0, length)]);
    // Between members it is an archive without its end, which container tools accept.
    const isWhole = [0, 512, 2048, end].includes(length);
    if (isWhole) t.is(error, undefined, `${length}`);
    else
      t.true(error instanceof LayerError && error.kind === "corrupt" && error.offset === length, `${length}: ${error}`);
  }
});

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`${compression}: a damaged, short, long, missing or wrongly listed blob is an error that names it`, async (t) => {
    const layer = archive(root, file("f", "x".repeat(5000)));
    const make = (made: MadeImage = {}): { layout: string; blob: string; digest: string } => {
      const layout = temporaryDirectory();
      let digest = "";
      const manifest = (value: Record<string, unknown>): void => {
        const [{ digest: name }] = value["layers"] as [{ digest: string }];
        digest = name.slice(7);
        made.manifest?.(value);
      };
      makeImage(layout, [layer], { ...made, compression: [compression], manifest });
      return { layout, digest, blob: join(layout, "blobs/sha256", digest) };
    };
    const expect = async (
      what: string,
      kind: LayoutFailure,
      { layout, digest }: { layout: string; digest: string },
    ): Promise<void> => {
      const error = await failingIn(layout);
      if (!(error instanceof LayoutError)) return t.fail(`${what}: ${error}`);
      t.is(error.kind, kind, what);
      t.true(error.message.includes(digest), error.message);
    };
    const length = readFileSync(make().blob).length;
    const random = new Random();
    for (let times = 0; times < 8; times++) {
      const damaged = make();
      const bytes = readFileSync(damaged.blob);
      bytes[random.below(length)] ^= 1 << random.below(8);
      writeFileSync(damaged.blob, bytes);
      await expect("damaged", "corrupt", damaged);
    }
    const short = make();
    truncateSync(short.blob, length - 1);
    await expect("short", "corrupt", short);
    const long = make();
    writeFileSync(long.blob, Buffer.concat([readFileSync(long.blob), Buffer.alloc(1)]));
    await expect("long", "corrupt", long);
    const wrongId = await failingIn(
      make({ config: { rootfs: { type: "layers", diff_ids: [`sha256:${sha256(Buffer.from("x"))}`] } } }).layout,
    );
    t.true(wrongId instanceof LayerError && /its archive has sha256/.test(wrongId.message), `${wrongId}`);
  });
}

test("content that no decompressor accepts, or that ends early, with a right digest", async (t) => {
  const layer = archive(root, file("f", "x".repeat(5000)));
  for (const type of ["gzip", "zstd"]) {
    for (const bytes of [Buffer.from("no such thing"), Buffer.alloc(0), gzipSync(layer).subarray(0, 50)]) {
      const manifest = (value: Record<string, unknown>): void => {
        const [descriptor] = value["layers"] as [Record<string, unknown>];
        descriptor["mediaType"] = `application/vnd.oci.image.layer.v1.tar+${type}`;
      };
      const layout = temporaryDirectory();
      makeImage(layout, [bytes], { compression: ["none"], manifest });
      const error = await failingIn(layout);
      t.true(error instanceof LayerError && error.kind === "corrupt", `${type} ${bytes.length}: ${error}`);
    }
  }
});

test("a layer that unpacks to more than the limit", async (t) => {
  const zeros = archive(root, { name: "zeros", content: Buffer.alloc(8 << 20) });
  for (const limit of [1000, 4 << 20, zeros.length - 1]) {
    const error = await failing([zeros], {}, limit);
    t.true(
      error instanceof LayerError && error.kind === "limit" && error.message.includes(`${limit} bytes`),
      `${error}`,
    );
  }
  t.is(await failing([zeros], {}, zeros.length), undefined);
});

test("directories that names imply count against the limit", async (t) => {
  const deep = archive(root, file("f", "", { records: [["path", "a/".repeat(100_000) + "f"]] }));
  const error = await failing([deep], {}, 1 << 20);
  t.true(error instanceof LayerError && error.kind === "limit", `${error}`);
});

test("holes that make many runs or zeros count against the limit", async (t) => {
  const sparse = (size: number, map: string): Buffer => {
    const records = [
      ["GNU.sparse.size", `${size}`],
      ["GNU.sparse.map", map],
    ] as const;
    return archive(root, file("f", "x".repeat(map.split(",").length / 2), { records }));
  };
  const apart = Array.from({ length: 20_000 }, (_, index) => `${index * 200_000 + 70_000},1`).join();
  for (const layer of [sparse(2 ** 53 - 1, "0,1"), sparse(2 ** 50, apart)]) {
    const error = await failing([layer]);
    t.true(error instanceof LayerError && error.kind === "limit", `${error}`);
  }
  t.is(await failing([sparse(2 ** 43, "0,1")]), undefined);
});

test("a gigabyte of zeros in a small layer is refused by default", async (t) => {
  const head = member({ name: "zeros", size: 1 << 30 });
  const layout = temporaryDirectory();
  // The digest of the archive is not looked at so far.
  makeImage(layout, [Buffer.concat([head, Buffer.alloc(1 << 28)])], { compression: ["zstd"] });
  const error = await failingIn(layout, 100 << 20);
  t.true(error instanceof LayerError && error.kind === "limit", `${error}`);
});

const images: Record<string, [kind: LayoutFailure, made: MadeImage]> = {
  "an artifact": [
    "unsupported",
    { manifest: (value) => ((value["config"] as { mediaType: string }).mediaType = "a/b") },
  ],
  "a layer of another kind": [
    "unsupported",
    { manifest: (value) => ((value["layers"] as { mediaType: string }[])[0].mediaType = "application/x-squashfs") },
  ],
  "more layers than the configuration lists": ["corrupt", { config: { rootfs: { type: "layers", diff_ids: [] } } }],
  "layers that are no list": ["corrupt", { manifest: (value) => (value["layers"] = {}) }],
  "a layer without a digest": ["corrupt", { manifest: (value) => (value["layers"] = [{}]) }],
  "annotations that are numbers": ["corrupt", { manifest: (value) => (value["annotations"] = { a: 1 }) }],
  "a configuration that is none": ["refused", { config: { architecture: 5 } }],
};

for (const [name, [kind, made]] of Object.entries(images)) {
  test(`${name}: a typed error`, async (t) => {
    const error = await failing([archive(root)], made);
    t.true(error instanceof LayoutError && error.kind === kind, `${error}`);
  });
}
