import test from "ava";
import { Layout } from "@puzzlefs/oci";
import { PathError } from "./errors.ts";
import { openImage } from "./image.ts";
import { dir, file, ImageFixture, run, symlink } from "./image-fixture.ts";
import { catPath, listPath, statPath } from "./path-queries.ts";
import { resolvePath, splitPath } from "./path.ts";

const fixture = new ImageFixture();
const digest = fixture.chunk(Buffer.from("root:x:0:0\n"));
const chain = Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`chain${i}`, 10 + i]));
fixture.image("v1", {
  metadatas: [
    {
      inodes: [
        dir(1, { etc: 2, link: 4, up: 5, loop: 6, abs: 7, dangling: 8, ...chain }),
        dir(2, { passwd: 3, sub: 9, "to-dir": 51 }),
        file(3, [run(digest, 0, 11)]),
        symlink(4, "etc/passwd"),
        symlink(5, "../../../etc"),
        symlink(6, "loop"),
        symlink(7, "/etc/./passwd"),
        symlink(8, "nowhere"),
        dir(9, { "to-passwd": 52 }),
        ...Array.from({ length: 41 }, (_, i) => symlink(10 + i, i === 40 ? "etc" : `/etc/../chain${i + 1}`)),
        symlink(51, "sub/"),
        symlink(52, "../../etc/passwd"),
      ],
    },
  ],
});
const tree = openImage(Layout.open(fixture.directory), "v1");
test.after.always(() => {
  tree.close();
  fixture.remove();
});

const resolve = (path: string, follow = true): number => resolvePath(tree, Buffer.from(path), follow);
const codeOf = (path: string, follow = true): string => {
  try {
    return String(resolve(path, follow));
  } catch (error) {
    return (error as PathError).code;
  }
};

test("splits paths at slashes and keeps ..", (t) => {
  const split = (path: string): string[] => splitPath(Buffer.from(path)).map((part) => Buffer.from(part).toString());
  t.deepEqual(split("/a//./b/../c/"), ["a", "b", "..", "c"]);
  t.deepEqual(split("/"), []);
  t.deepEqual(split(""), []);
});

test("follows links inside the image's own root", (t) => {
  t.is(resolve("/"), 1);
  t.is(resolve("link"), 3);
  t.is(resolve("link", false), 4);
  t.is(resolve("/up/passwd"), 3);
  t.is(resolve("/../../etc/../etc/passwd"), 3);
  t.is(resolve("/abs"), 3);
  t.is(resolve("/etc/to-dir/to-passwd"), 3);
  t.is(resolve("/etc/to-dir/", false), 9);
});

test("answers with the kernel's errors", (t) => {
  t.is(codeOf("/nothing"), "ENOENT");
  t.is(codeOf("/dangling"), "ENOENT");
  t.is(codeOf("/dangling", false), "8");
  t.is(codeOf("/etc/passwd/x"), "ENOTDIR");
  t.is(codeOf("/etc/passwd/"), "ENOTDIR");
  t.is(codeOf("/loop"), "ELOOP");
  t.is(codeOf("/loop", false), "6");
  t.is(codeOf(`/etc/../${"etc/../".repeat(1000)}link`), "3");
});

test("follows at most 40 links", (t) => {
  t.is(codeOf("/chain0"), "ELOOP");
  t.is(codeOf("/chain1"), "2");
});

test("lists, shows and reads", (t) => {
  t.deepEqual(
    listPath(tree, Buffer.from("/etc")).map(({ name }) => Buffer.from(name).toString()),
    ["passwd", "sub", "to-dir"],
  );
  t.is(Buffer.from(listPath(tree, Buffer.from("/etc"))[2]?.target ?? []).toString(), "sub/");
  t.is(listPath(tree, Buffer.from("link"))[0]?.size, 11);
  t.is(statPath(tree, Buffer.from("link")).kind, "lnk");
  t.is(Buffer.concat([...catPath(tree, Buffer.from("link"))]).toString(), "root:x:0:0\n");
  t.throws(() => [...catPath(tree, Buffer.from("etc"))], { instanceOf: PathError, message: "etc: is a directory" });
});
