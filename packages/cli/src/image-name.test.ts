import { mkdirSync, writeFileSync } from "node:fs";
import test from "ava";
import { imageNameFrom, parseImageName, parseLayoutOrImage } from "./image-name.ts";
import { mountTest, unmountLeftover } from "./mount-fixture.ts";
import { TestDirectory } from "./program-fixture.ts";
import { SharedLayout } from "./shared-layout-fixture.ts";

const digest = "0123456789abcdef".repeat(4);

/** A test directory with directories that pass for layouts. */
function withLayouts(...names: string[]): TestDirectory {
  const directory = new TestDirectory();
  for (const name of names) {
    mkdirSync(directory.path(name), { recursive: true });
    writeFileSync(directory.path(name, "oci-layout"), "");
  }
  return directory;
}

test("the directory is the longest beginning that is a layout", (t) => {
  using directory = withLayouts("store", "a:b", "a", "oci", "x@y", "two\nlines", "c:sha256", "d:e/f:g");
  const cases: [name: string, ociDir: string, reference: string][] = [
    ["store:v1", "store", "v1"],
    ["store:registry:5000/x/y:1.0", "store", "registry:5000/x/y:1.0"],
    ["store:x/y", "store", "x/y"],
    [`store:${"x".repeat(250)}:y`, "store", `${"x".repeat(250)}:y`],
    ["store::v1", "store", ":v1"],
    ["a:b:c", "a:b", "c"],
    ["a:c:b", "a", "c:b"],
    ["a:b", "a", "b"],
    ["d:e/f:g:h:i", "d:e/f:g", "h:i"],
    ["two\nlines:v1", "two\nlines", "v1"],
    ["x@y:v1@z", "x@y", "v1@z"],
    [`store:${digest}`, "store", digest],
    [`store:sha256:${digest}`, "store", `sha256:${digest}`],
    [`store@sha256:${digest}`, "store", `sha256:${digest}`],
    [`a:b@sha256:${digest}`, "a:b", `sha256:${digest}`],
    [`store:v1@sha256:${digest}`, "store", `v1@sha256:${digest}`],
    [`c:sha256:${digest}`, "c:sha256", digest],
  ];
  for (const [name, ociDir, reference] of cases)
    t.deepEqual(parseImageName(directory.path(name)), { ociDir: directory.path(ociDir), reference }, name);
});

test("where there is no layout yet, it ends at the first colon behind the directories that exist", (t) => {
  using directory = withLayouts("a:b");
  t.deepEqual(parseImageName(directory.path("a:b/new:x:y/z")), {
    ociDir: directory.path("a:b/new"),
    reference: "x:y/z",
  });
  t.deepEqual(parseImageName(directory.path("new:registry:5000/x:1")), {
    ociDir: directory.path("new"),
    reference: "registry:5000/x:1",
  });
  t.deepEqual(parseImageName("a: b:c:v1"), { ociDir: "a: b", reference: "c:v1" }, "a tag has no space");
  t.deepEqual(parseImageName("a: b: c"), { ociDir: "a: b", reference: " c" });
  t.deepEqual(parseImageName("no/such:v1"), { ociDir: "no/such", reference: "v1" });
  t.deepEqual(parseImageName(`no:such:sha256:${digest}`), { ociDir: "no:such", reference: `sha256:${digest}` });
});

test("skopeo's oci: is ignored, unless it is the directory", (t) => {
  using directory = withLayouts("store");
  const store = directory.path("store");
  t.deepEqual(parseImageName(`oci:${store}:x:y`), { ociDir: store, reference: "x:y" });
  t.deepEqual(parseImageName("oci:new:v1"), { ociDir: "new", reference: "v1" });
  t.deepEqual(parseImageName("oci:v1"), { ociDir: "oci", reference: "v1" });
  t.deepEqual(parseLayoutOrImage(`oci:${store}`), { ociDir: store });
  t.deepEqual(parseLayoutOrImage(store), { ociDir: store });
  t.deepEqual(parseLayoutOrImage(`${store}:v1`), { ociDir: store, reference: "v1" });
});

test("text that names no image is wrong usage", (t) => {
  for (const text of ["", "store", ":v1", "store:", "oci:"])
    t.throws(() => parseImageName(text), { name: "UsageError" }, text);
});

test("in the older form the tag is an argument, and the directory may have colons", (t) => {
  t.deepEqual(imageNameFrom("a:b", "v1"), { ociDir: "a:b", reference: "v1" });
  t.deepEqual(imageNameFrom("a:b", undefined), { ociDir: "a", reference: "b" });
});

const names = ["store:registry:5000/x/y:1.0", "st:ore:v1", "oci:store:docker.io/library/x:latest"];

test.serial("every command takes names as skopeo writes them", async (t) => {
  using directory = await SharedLayout.make(t);
  for (const name of names) {
    await directory.build(t, name, "root", name);
    t.is(await directory.good(t, "ls", name), "file\n", name);
    t.is(await directory.good(t, "cat", name, "/file"), name);
    t.regex(await directory.good(t, "stat", name, "/file"), /^type +regular file$/m);
    t.regex(await directory.good(t, "dump", name), /^\/file /m);
    t.regex(await directory.good(t, "extract", "--force", name, "out"), /2 inodes/);
    t.regex(await directory.good(t, "verify", name), /^1 image, /);
    const { manifest, manifestVerity } = JSON.parse(await directory.good(t, "inspect", "--json", name)) as Record<
      string,
      string
    >;
    const verity = await directory.run("enable-fs-verity", name, manifestVerity ?? "");
    t.true(verity.code === 0 || verity.stderr.includes("no fs-verity there"), verity.stderr);
    if (!name.startsWith("st:ore")) {
      t.is(await directory.good(t, "cat", `store@sha256:${manifest}`, "/file"), name);
      t.is(await directory.good(t, "cat", `store:any/name:1@sha256:${manifest}`, "/file"), name);
    }
  }
  t.regex(await directory.good(t, "tags", "oci:store"), /^docker\.io\/library\/x:latest /m);
});

mountTest("mount accepts names as skopeo writes them", async (t) => {
  using directory = await SharedLayout.make(t);
  mkdirSync(directory.path("mnt"));
  for (const name of names) {
    await directory.build(t, name, "root", name);
    try {
      const { stdout, stderr } = await directory.shell(
        `puzzlefs mount ${name} mnt && cat mnt/file; puzzlefs umount mnt`,
      );
      t.is(stdout, name, stderr);
    } finally {
      unmountLeftover(directory);
    }
  }
});
