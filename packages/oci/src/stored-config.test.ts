import test, { type ExecutionContext } from "ava";
import { sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { CONFIG_LIMIT, CONFIG_TYPE } from "./image-config.ts";
import { EMPTY_CONFIG } from "./manifest.ts";
import { readConfig, type StoredConfig } from "./stored-config.ts";

/** Reads the configuration of a manifest that names `content` as its own. */
function stored(t: ExecutionContext, content: string, mediaType: string = CONFIG_TYPE): StoredConfig | null {
  const bytes = Buffer.from(content);
  const hex = sha256Hex(bytes);
  const read = (digest: string, limit: number): Buffer => {
    t.deepEqual([digest, limit], [hex, CONFIG_LIMIT]);
    return bytes;
  };
  return readConfig({ read }, manifest({ mediaType, digest: `sha256:${hex}`, size: bytes.length }), "manifest");
}

function manifest(config: unknown): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [] }));
}

const missing = {
  read: (digest: string): never => {
    throw new LayoutError("missing", digest, "no such blob");
  },
};

test("a configuration is returned with its digest and size", (t) => {
  const content = { architecture: "arm64", os: "linux", config: { User: "1000" } };
  const text = JSON.stringify(content);
  const digest = sha256Hex(Buffer.from(text));
  t.deepEqual(stored(t, text), { mediaType: CONFIG_TYPE, digest, bytes: text.length, content });
});

test("what is none is returned without content: with the reason, or of another media type", (t) => {
  const broken = stored(t, "[]");
  t.is(broken?.content, null);
  t.regex(broken?.problem ?? "", /^config sha256:[0-9a-f]{64}: not an image configuration: it is not an object$/);
  const hex = "7".repeat(64);
  const other = { mediaType: "application/x", digest: `sha256:${hex}`, size: 5 };
  const expected = { mediaType: "application/x", digest: hex, bytes: 5, content: null };
  t.deepEqual(readConfig(missing, manifest(other), "manifest"), expected, "it is not read");
});

test("the empty configuration is null, as none at all is", (t) => {
  for (const config of [EMPTY_CONFIG, undefined, null]) t.is(readConfig(missing, manifest(config), "manifest"), null);
});

test("a missing blob is an error", (t) => {
  const config = { mediaType: CONFIG_TYPE, digest: `sha256:${"7".repeat(64)}`, size: 2 };
  t.throws(() => readConfig(missing, manifest(config), "manifest"), { instanceOf: LayoutError });
});
