import test from "ava";
import { MountOptionError } from "@puzzlefs/fuse";
import { readImageOptions } from "./image-options.ts";

const digest = "0123456789abcdef".repeat(4);

test("options of images are taken out, the rest stays in order", (t) => {
  t.deepEqual(
    readImageOptions([`rw,oci_root_dir=/a=b,image_manifest=${digest.toUpperCase()},nosuid`, "verify=blob,noauto"]),
    {
      ociRootDir: "/a=b",
      imageManifest: digest,
      verify: "blob",
      options: ["rw", "nosuid", "noauto"],
    },
  );
  t.deepEqual(
    readImageOptions([
      `tag=v1,verity=${digest},driver=fuse,writable,persist=/u,log_file=/l,supervise,shared,overlay_attributes,remount`,
    ]),
    {
      tag: "v1",
      verity: digest,
      driver: "fuse",
      writable: true,
      persist: "/u",
      logFile: "/l",
      supervise: true,
      shared: true,
      overlayAttributes: true,
      remount: true,
      options: [],
    },
  );
});

test("the last of several counts, and quotes around values are taken off", (t) => {
  const imageOptions = readImageOptions(['verify=none,persist="/a,b",driver=fuse', "verify=blob,writable=yes"]);
  t.deepEqual([imageOptions.verify, imageOptions.persist, imageOptions.options], ["blob", "/a,b", ["writable=yes"]]);
});

test("values that cannot be are refused by name", (t) => {
  for (const [option, message] of [
    ["image_manifest=abc", /image_manifest= needs 64 hex digits, not "abc"/],
    ["verity=", /verity= needs 64 hex digits/],
    ["verify=all", /verify= is one of none, blob/],
    ["driver=ntfs", /driver= is one of auto, kernel, fuse/],
    ["tag=", /tag= needs a value/],
    ["persist", /persist= needs a value/],
  ] as const) {
    t.throws(() => readImageOptions([option]), { instanceOf: MountOptionError, message });
  }
});
