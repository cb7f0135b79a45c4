import test from "ava";
import { LayoutError } from "./errors.ts";
import { CONFIG_LIMIT, CONFIG_TYPE, parseImageConfig } from "./image-config.ts";
import { assembleManifest, configOf, referencedBlobs } from "./manifest.ts";

const least = { architecture: "amd64", os: "linux" };
const hex = "7".repeat(64);

test("members that the specification allows are accepted, and unknown ones", (t) => {
  const accepted = [
    least,
    { ...least, config: null, rootfs: null, history: null, "os.features": null },
    { ...least, config: { Env: null, Entrypoint: [], Labels: {}, Healthcheck: { Test: ["NONE"] } }, more: [1] },
    { ...least, rootfs: { type: "layers", diff_ids: ["sha256:other", "sha256:more"] }, history: [{ created_by: "x" }] },
    JSON.parse('{"__proto__": {"os": 1}, "architecture": "amd64", "os": "linux"}'),
  ];
  for (const value of accepted) t.deepEqual(parseImageConfig(Buffer.from(JSON.stringify(value)), "file"), value);
});

const refused: [content: string | object, problem: string][] = [
  ["", "not JSON"],
  ["{", "not JSON: wrong at line 1 column 2"],
  [`\uFEFF${JSON.stringify(least)}`, "not JSON"],
  ["null", "it is not an object"],
  ["[]", "it is not an object"],
  ["{}", "architecture is missing, or not a string"],
  [{ architecture: "", os: "linux" }, "architecture is missing, or not a string"],
  [{ architecture: "amd64" }, "os is missing, or not a string"],
  [{ architecture: "amd64", os: 1 }, "os is missing, or not a string"],
  ['{"__proto__": {"architecture": "amd64", "os": "linux"}}', "architecture is missing, or not a string"],
  [{ ...least, variant: 8 }, "variant is not a string"],
  [{ ...least, config: [] }, "config is not an object"],
  [{ ...least, config: { Entrypoint: "/bin/sh" } }, "config.Entrypoint is not a list of strings"],
  [{ ...least, config: { Env: [1] } }, "config.Env is not a list of strings"],
  [{ ...least, config: { Labels: { a: 1 } } }, "config.Labels is not an object of strings"],
  [{ ...least, config: { Volumes: [] } }, "config.Volumes is not an object"],
  [{ ...least, rootfs: { diff_ids: {} } }, "rootfs.diff_ids is not a list of strings"],
  [{ ...least, history: [1] }, "history is not a list of objects"],
  ["[".repeat(1_000_000), "not JSON"],
  [`root:$6$secret:19000::\n${"x".repeat(40)}`, "not JSON"],
  [`{"a": "b"\n root:$6$secret:19000::}`, "not JSON: wrong at line 2 column 2"],
  [" ".repeat(CONFIG_LIMIT + 1), `larger than ${CONFIG_LIMIT} bytes`],
];

test("members that other tools could not read are refused, by name", (t) => {
  for (const [content, problem] of refused) {
    const bytes = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
    const error = t.throws(() => parseImageConfig(bytes, "file"), { instanceOf: LayoutError });
    t.is(error?.kind, "refused");
    const [, found = ""] = /^file: not an image configuration: (.*)$/s.exec(error?.message ?? "") ?? [];
    t.is(found, problem);
  }
  const foreign = Buffer.from(JSON.stringify({ ...least, author: "\xff" }), "latin1");
  t.throws(() => parseImageConfig(foreign, "file"), { message: /not UTF-8$/ });
});

test("a manifest names the configuration that it is given, and is otherwise the same", (t) => {
  const rootfs = { digest: "1".repeat(64), size: 5, verity: "2".repeat(64) };
  const chunks = [{ digest: "3".repeat(64), size: 6, compressed: false }];
  const [without, manifest] = [
    assembleManifest(rootfs, chunks),
    assembleManifest(rootfs, chunks, { digest: hex, size: 9 }),
  ];
  t.deepEqual(configOf(manifest, "m"), { mediaType: CONFIG_TYPE, digest: `sha256:${hex}`, size: 9 });
  t.like(referencedBlobs(manifest, "m")[0], { type: "config", digest: hex, size: 9 });
  t.deepEqual(JSON.parse(manifest.toString()).layers, JSON.parse(without.toString()).layers);
  t.is(configOf(Buffer.from("{}"), "m"), undefined);
});
