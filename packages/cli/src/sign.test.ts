import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { mountTest, unmountLeftover } from "./mount-fixture.ts";
import { type Outcome, TestDirectory } from "./program-fixture.ts";
import { otherKey, publicKey, secretKey } from "./signing-keys-fixture.ts";

class Signing extends TestDirectory {
  /** A layout with two images, v1 and v2, of which v1 is signed. */
  static async make(t: ExecutionContext): Promise<Signing> {
    const directory = new Signing();
    writeFileSync(directory.path("key.pub"), publicKey);
    writeFileSync(directory.path("other.pub"), otherKey);
    writeFileSync(directory.path("key"), secretKey);
    mkdirSync(directory.path("mnt"));
    for (const tag of ["v1", "v2"]) {
      mkdirSync(directory.path(tag));
      writeFileSync(directory.path(tag, "file"), tag);
      await directory.good(t, "build", "-c", tag, `store:${tag}`);
    }
    await directory.good(t, "sign", "--key", "key", "--comment", "good", "-o", "minisig", "store:v1");
    return directory;
  }

  async good(t: ExecutionContext, ...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...argv);
    t.is(code, 0, `${argv.join(" ")}: ${stderr}`);
    return stdout;
  }

  async refused(t: ExecutionContext, pattern: RegExp, ...argv: string[]): Promise<void> {
    const { code, stderr }: Outcome = await this.run(...argv);
    t.is(code, 3, `${argv.join(" ")}: ${stderr}`);
    t.regex(stderr, pattern);
  }

  check(t: ExecutionContext, image: string): Promise<string> {
    return this.good(t, "verify", "--signature", "key.pub", image);
  }

  /** The tag of the image's signature. */
  async tag(t: ExecutionContext, image = "store:v1"): Promise<string> {
    const { manifest } = JSON.parse(await this.good(t, "inspect", "--json", image)) as { manifest: string };
    return `sha256-${manifest}.BA21C93E0C00E7C4.minisig`;
  }
}

test("a signed image is verified; unsigned ones, other keys and other images' signatures are not", async (t) => {
  using directory = await Signing.make(t);
  t.regex(await directory.check(t, "store:v1"), /^signed: good\n1 image, .*: good\n$/);
  const { signed } = JSON.parse(await directory.good(t, "verify", "--json", "--signature", "key.pub", "store:v1")) as {
    signed: { trustedComment: string; manifest: string; verity: string };
  };
  const inspected = JSON.parse(await directory.good(t, "inspect", "--json", "store:v1")) as Record<string, string>;
  t.deepEqual(signed, { trustedComment: "good", manifest: inspected["manifest"], verity: inspected["manifestVerity"] });
  await directory.refused(t, /not signed by key BA21/, "verify", "--signature", "key.pub", "store:v2");
  await directory.refused(t, /not signed by key 7D46/, "verify", "--signature", "other.pub", "store:v1");
  await directory.refused(t, /key: not a public key of minisign/, "verify", "--signature", "key", "store:v1");
  // The signature of v1 under the name of one of v2.
  const index = readFileSync(directory.path("store/index.json"), "utf8");
  const moved = index.replace(await directory.tag(t), await directory.tag(t, "store:v2"));
  writeFileSync(directory.path("store/index.json"), moved);
  await directory.refused(t, /not a signature of this image .*"good"/, "verify", "--signature", "key.pub", "store:v2");
  // An image in place of the signature.
  writeFileSync(
    directory.path("store/index.json"),
    index.replaceAll(`"${await directory.tag(t)}"`, `"x"`).replace('"v2"', `"${await directory.tag(t)}"`),
  );
  await directory.refused(t, /not a stored signature/, "verify", "--signature", "key.pub", "store:v1");
});

test("a signature stays good when its image is packed, unpacked and copied, and is replaced by a new one", async (t) => {
  using directory = await Signing.make(t);
  const tag = await directory.tag(t);
  await directory.good(t, "pack", "store:v1");
  await directory.check(t, "store:v1");
  await directory.good(t, "gc", "--grace", "0", "store");
  await directory.check(t, "store:v1");
  for (const name of ["v1", tag]) {
    const { code, stderr } = await directory.shell(
      `skopeo --insecure-policy copy -q oci:store:${name} oci:copy:${name}`,
    );
    if (code === 127) return t.log("no skopeo");
    t.is(code, 0, stderr);
  }
  await directory.check(t, "copy:v1");
  await directory.good(t, "unpack", "copy:v1");
  await directory.check(t, "copy:v1");
  await directory.good(t, "sign", "--key", "key", "--comment", "better", "copy:v1");
  t.regex(await directory.check(t, "copy:v1"), /^signed: better\n/);
  t.regex(await directory.good(t, "verify", "copy"), /^1 image, 1 foreign entry \(sha256-/);
});

test("gc removes the signature with its image, and not before", async (t) => {
  using directory = await Signing.make(t);
  await directory.good(t, "sign", "--key", "key", "store:v2");
  const tag = await directory.tag(t);
  const signed = await directory.good(t, "tags", "--json", "store");
  await directory.good(t, "gc", "--grace", "0", "store");
  t.is(await directory.good(t, "tags", "--json", "store"), signed);
  await directory.good(t, "untag", "store:v1");
  const dry = JSON.parse(await directory.good(t, "gc", "--grace", "0", "--dry-run", "--json", "store")) as {
    freed: object;
  };
  t.true((await directory.good(t, "tags", "store")).includes(tag));
  const { freed } = JSON.parse(await directory.good(t, "gc", "--grace", "0", "--json", "store")) as { freed: object };
  t.deepEqual(freed, dry.freed);
  t.false((await directory.good(t, "tags", "store")).includes(tag));
  await directory.check(t, "store:v2");
});

test("--attach stores a signature that was made elsewhere, after it was verified", async (t) => {
  using directory = await Signing.make(t);
  await directory.good(t, "untag", `store:${await directory.tag(t)}`);
  const attach = ["sign", "--attach", "minisig", "--public-key"];
  await directory.refused(t, /not a signature of this image/, ...attach, "key.pub", "store:v2");
  await directory.refused(t, /minisig: a signature by key BA21/, ...attach, "other.pub", "store:v1");
  await directory.good(t, ...attach, "key.pub", "store:v1");
  await directory.check(t, "store:v1");
  for (const argv of [
    [],
    ["--key", "key", "--attach", "minisig"],
    ["--attach", "minisig"],
    ["--key", "key", "--comment", "a\nb"],
    ["--key", "key", "--comment", "x".repeat(8001)],
  ])
    t.is((await directory.run("sign", ...argv, "store:v1")).code, 2, argv.join(" "));
});

mountTest("a mount that requires a signature shows the signed image, hashed, and no other", async (t) => {
  using directory = await Signing.make(t);
  try {
    const mount = ["mount", "--driver=fuse", "--require-signature", "key.pub"];
    await directory.good(t, ...mount, "store:v1", "mnt");
    t.is(readFileSync(directory.path("mnt/file"), "utf8"), "v1");
    await directory.good(t, "umount", "mnt");
    await directory.refused(t, /not signed by key BA21/, ...mount, "store:v2", "mnt");
    await directory.good(t, "pack", "store:v1");
    const options = "driver=fuse,require_signature=key.pub";
    await directory.good(t, "mount", "-o", options, "-w", "store:v1", "mnt");
    t.is(readFileSync(directory.path("mnt/file"), "utf8"), "v1");
    await directory.good(t, "umount", "mnt");
    await directory.refused(t, /not signed/, "mount", "-o", "require_signature=other.pub", "store:v1", "mnt");
    await directory.good(t, "unpack", "store:v1");
    // The chunk is not what was signed: it is hashed when it is read.
    await directory.shell(
      "blob=store/blobs/sha256/$(puzzlefs inspect --json store:v1 /file | jq -r '.runs[0].blob'); chmod u+w $blob; printf x | dd of=$blob bs=1 seek=6 conv=notrunc status=none",
    );
    await directory.good(t, ...mount, "store:v1", "mnt");
    t.throws(() => readFileSync(directory.path("mnt/file")), { code: "EIO" });
    await directory.good(t, "umount", "mnt");
    t.is((await directory.run("mount", "--digest", "signed", "store:v1", "mnt")).code, 2);
  } finally {
    unmountLeftover(directory);
  }
});
