/** Manifests that break a rule. */
import type { CorpusCase } from "./corpus-case.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
/** The media types of hostile images are their own, so that a wrong one in schema/ is noticed. */
const ROOTFS = "application/vnd.puzzlefs.image.rootfs.v1";

const layer = (digest: unknown, mediaType = ROOTFS): object => ({ mediaType, digest, size: 1 });
const manifest = (layers: unknown[], more: object = {}): string =>
  JSON.stringify({ schemaVersion: 2, ...more, layers });
const whole = manifest([layer(DIGEST)]);

/** Arrays inside each other. */
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const keys = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, 0]));

function broken(): Record<string, string> {
  return {
    "manifest-syntax": whole.slice(0, -1),
    "manifest-string": whole.replace("schemaVersion", "schema\\ud800"),
    "manifest-key-twice": whole.replace("{", '{"sch\\u0065maVersion":2,'),
    "manifest-object-too-large": manifest([layer(DIGEST)], { annotations: keys(65) }),
    "manifest-too-deep": `{"deep":${nested(32)}}`,
    "manifest-digest": manifest([layer(DIGEST.replace("a", "A"))]),
    "manifest-rootfs-missing": manifest([layer(DIGEST, "application/vnd.puzzlefs.image.filedata.v1")]),
    "manifest-packed": manifest([layer(DIGEST, "application/vnd.puzzlefs.image.rootfs.bundle.v1+zstd")]),
    "manifest-rootfs-twice": manifest([layer(DIGEST), layer(DIGEST)]),
  };
}

export function manifestCases(): CorpusCase[] {
  const cases = Object.entries(broken()).map(([rule, json]) => ({
    rule,
    object: "manifest" as const,
    bytes: Buffer.from(json),
  }));
  return [...cases, { rule: "manifest-too-large", object: "manifest", bytes: Buffer.from(whole), size: 2 ** 26 + 1 }];
}
