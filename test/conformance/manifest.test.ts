import assert from "node:assert/strict";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { agreed, note, runs, useHarnesses } from "./harness-fixture.ts";
import { Random } from "@puzzlefs/testing";
import { outcome } from "./verdict.ts";

const harnesses = useHarnesses(test);
const seed = fc.nat(2 ** 31 - 1);

/* The media types of these manifests are their own, so that a wrong one in schema/ is noticed. */
const ROOTFS = "application/vnd.puzzlefs.image.rootfs.v1";
const VERITY = "io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash";

const hex = (random: Random): string => Buffer.from(random.bytes(32)).toString("hex");

/** Values of any kind, for members that are not read. */
function anything(random: Random, depth = 0): unknown {
  const turn = random.below(depth > 3 ? 5 : 7);
  if (turn === 0) return random.pick([null, true, false]);
  if (turn === 1) return random.pick([0, -1, 1.5e300, -0.25, random.bits(), 1e-7]);
  if (turn < 5)
    return random.pick(["", "\u0000\u001f", '"\\/\b\f\n\r\t', "é€😀", ROOTFS, "layers", "x".repeat(random.below(40))]);
  const values = Array.from({ length: random.below(4) }, () => anything(random, depth + 1));
  return turn === 5
    ? values
    : Object.fromEntries(values.map((value, i) => [`${random.pick(["digest", "layers", "k", "é"])}${i}`, value]));
}

const shuffledObject = (random: Random, members: [string, unknown][]): object =>
  Object.fromEntries(random.shuffled(members));

function layer(random: Random, rootfs: boolean): object {
  const verity: [string, unknown][] = random.once(2) ? [[VERITY, hex(random)]] : [];
  return shuffledObject(random, [
    ["mediaType", rootfs ? ROOTFS : "application/vnd.puzzlefs.image.filedata.v1+zstd"],
    ["digest", `sha256:${hex(random)}`],
    ["size", random.bits()],
    ["annotations", shuffledObject(random, [...verity, ["other", "value"]])],
    ["platform", anything(random)],
  ]);
}

/** A manifest as text, with white space and escapes that do not change its meaning. */
function manifest(random: Random): string {
  const rootfs = random.once(12) ? random.below(3) : 1;
  const layers = Array.from({ length: rootfs + random.below(4) }, (_, i) => layer(random, i < rootfs));
  const members: [string, unknown][] = [
    ["layers", random.shuffled(layers)],
    ["schemaVersion", 2],
    ["config", layer(random, random.once(2))],
    ["x", anything(random)],
  ];
  const text = JSON.stringify(shuffledObject(random, members), undefined, random.pick([0, 0, 1, "\t\r\n "]));
  return random.once(2)
    ? text
    : text.replace(/[a-z]/g, (letter) => (random.once(9) ? `\\u00${letter.charCodeAt(0).toString(16)}` : letter));
}

const PIECES = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "0",
  "-",
  "1e",
  ".",
  "true",
  "nul",
  "\\u12",
  "\\ud83d",
  "\\ude00",
  "\0",
  "\x7f",
  "/",
  " ",
];

function spoiled(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const to = random.once(2) ? at : Math.min(at + random.below(3), bytes.length);
  const inserted = random.once(4)
    ? Buffer.from(random.bytes(1 + random.below(4)))
    : Buffer.from(random.once(4) ? "" : random.pick(PIECES), "latin1");
  if (random.once(30)) return bytes.subarray(0, at);
  if (random.once(8)) {
    const other = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(other, other + random.below(80)), bytes.subarray(at)]);
  }
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(to)]);
}

/**
 * JSON.parse of well-formed UTF-8, without the halves of surrogate pairs that JSON.parse lets pass: in any string of the
 * text, as what it returns does not have the values of keys that come again.
 */
function parsed(bytes: Uint8Array): { value: unknown } | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const strings = text.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
    return strings.every((string) => (JSON.parse(string) as string).isWellFormed()) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

interface Descriptor {
  mediaType?: unknown;
  digest?: string;
  annotations?: Record<string, string>;
}

/** Reads a manifest by JSON.parse. */
function expected(value: unknown): string[] {
  const { layers } = value as { layers?: Descriptor[] };
  return (layers ?? [])
    .filter(({ mediaType }) => mediaType === ROOTFS)
    .map(({ digest = "", annotations }) =>
      [digest.slice(7), annotations?.[VERITY]].filter((text) => text !== undefined).join(" "),
    );
}

const REFUSED_AS_JSON = new Set(["manifest-syntax", "manifest-string"]);

/** The rule that a manifest breaks, or "accepted", on which TypeScript, C and JSON.parse agree. */
async function agreedRule(bytes: Uint8Array): Promise<string> {
  const verdict = await agreed(harnesses, "manifest", bytes);
  const [, rule = "accepted"] = outcome(verdict).split(" ");
  const json = parsed(bytes);
  if (json === undefined) {
    // A text that is not JSON may be refused by another rule that it breaks earlier.
    assert.notEqual(rule, "accepted");
  } else {
    // An array at the top is JSON, and no manifest.
    if (
      json.value instanceof Object &&
      !Array.isArray(json.value) &&
      Array.isArray((json.value as { layers?: unknown }).layers)
    )
      assert.ok(!REFUSED_AS_JSON.has(rule), rule);
    if (rule === "accepted") assert.deepEqual([verdict.split("\n")[1]?.replace(/^\d+ /, "")], expected(json.value));
  }
  return rule;
}

const LONE = ["\\ud83d", "\\ude00", "\\uD800x", "\\udfff\\ud800", "\\ud83d\\ud83d\\ude00"];
const PAIRED = ["\\ud83d\\ude00", "\\\\ud83d", '\\"\\\\ude00'];
const digestOf = `sha256:${"0".repeat(64)}`;
/** Manifests with a string at every position that permits one, also in members that are not read. */
const templates: ((string: string) => string)[] = [
  (string) => `"x": "${string}"`,
  (string) => `"x": "${string}", "x": 1`,
  (string) => `"x": {"k": "${string}", "k": ""}`,
  (string) => `"x": {"k": ["${string}"], "k": []}, "x": 1`,
  (string) => `"${string}": 1`,
  (string) => `"x": {"${string}": 1}, "x": {}`,
];

test("half a surrogate pair is refused in any string, in one that JSON.parse forgets too", async (t) => {
  for (const template of templates) {
    const rule = (string: string): Promise<string> => {
      const layers = `[{"mediaType": "${ROOTFS}", "digest": "${digestOf}", "size": 1}]`;
      return agreedRule(Buffer.from(`{"schemaVersion": 2, ${template(string)}, "layers": ${layers}}`));
    };
    for (const string of LONE) t.is(await rule(string), "manifest-string", template(string));
    for (const string of PAIRED) t.not(await rule(string), "manifest-string", template(string));
  }
});

/** Choices and changes that the three once did not agree on. */
const FOUND: [choice: number, changes: number][] = [[1959445462, 2]];

test("manifests: TypeScript, C and JSON.parse agree", async (t) => {
  const rules = new Map<string, number>();
  const property = fc.asyncProperty(seed, fc.nat(6), async (choice, changes) => {
    const random = new Random(choice);
    let bytes: Buffer = Buffer.from(manifest(random));
    for (let i = 0; i < changes; i++) bytes = spoiled(bytes, random);
    const rule = await agreedRule(bytes);
    rules.set(rule, (rules.get(rule) ?? 0) + 1);
  });
  await fc.assert(property, { ...runs(2500), examples: FOUND });
  t.log([...rules].map(([rule, count]) => `${rule} ${count}`).join(", "));
  t.pass();
  note(t, harnesses);
});
