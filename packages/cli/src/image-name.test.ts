import test from "ava";
import { imageNameFrom, parseImageName } from "./image-name.ts";

const digest = "0123456789abcdef".repeat(4);

test("an image's name is split at the last colon", (t) => {
  t.deepEqual(parseImageName("store:v1"), { ociDir: "store", reference: "v1" });
  t.deepEqual(parseImageName("/a:b/store:v1"), { ociDir: "/a:b/store", reference: "v1" });
  t.deepEqual(parseImageName("a:b:c"), { ociDir: "a:b", reference: "c" });
  t.deepEqual(parseImageName("two\nlines:v1"), { ociDir: "two\nlines", reference: "v1" });
});

test("a digest may stand for the tag, with or without its algorithm", (t) => {
  t.deepEqual(parseImageName(`store:${digest}`), { ociDir: "store", reference: digest });
  t.deepEqual(parseImageName(`a:store:sha256:${digest}`), { ociDir: "a:store", reference: `sha256:${digest}` });
});

test("what names no image is a mistake in the command line", (t) => {
  for (const text of ["", "store", ":v1", "store:"]) t.throws(() => parseImageName(text), { name: "UsageError" }, text);
});

test("the older form has the tag by itself, and colons of the directory are its own", (t) => {
  t.deepEqual(imageNameFrom("a:b", "v1"), { ociDir: "a:b", reference: "v1" });
  t.deepEqual(imageNameFrom("a:b", undefined), { ociDir: "a", reference: "b" });
});
