/** `corpus.h` of kernel/tests: the objects of the corpus that the driver parses, as arrays of bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { corpusCases } from "../corpus/corpus.ts";

const objects: Readonly<Record<string, string>> = {
  metadata: "PFS_OBJECT_METADATA",
  manifest: "PFS_OBJECT_MANIFEST",
  "seek-table": "PFS_OBJECT_TABLE",
};
const golden = join(import.meta.dirname, "../../kernel/selftests/golden/blobs/sha256");
const goldenManifest = "79cbb484d3f6e878c92b20fb2a9ecbdf1b4b568d5dcb04e7717c4007678a880f";
const goldenMetadata = "f0823bbac1ebbd39cdd76a267b4e206504110dd385249c8176a4ce6c526e6955";

interface Case {
  name: string;
  rule: string;
  object: string;
  bytes: Uint8Array;
  size: number;
}

/** The cases of the corpus, and good objects. */
export function cases(): Case[] {
  const good = (object: string, digest: string): Case => {
    const bytes = readFileSync(join(golden, digest));
    return { name: `a good ${object}`, rule: "none", object, bytes, size: bytes.length };
  };
  const bad = corpusCases()
    // Objects that are too large are refused by their size, before they are parsed.
    .filter(({ object, size }) => Object.hasOwn(objects, object) && (object === "seek-table" || size === undefined))
    .map(({ rule, object, bytes, size }) => ({ name: rule, rule, object, bytes, size: size ?? bytes.length }));
  return [...bad, good("manifest", goldenManifest), good("metadata", goldenMetadata)];
}

/** The text of corpus.h. */
export function corpusHeader(): string {
  const all = cases();
  const arrays = all.map(({ bytes }, i) => {
    const numbers = [...bytes].map(String);
    const lines = Array.from(
      { length: Math.ceil(numbers.length / 16) },
      (_, line) => `\t${numbers.slice(line * 16, line * 16 + 16).join(", ")},`,
    );
    return `static const u8 pfs_case_${i}[] = {\n${lines.length === 0 ? "\t0," : lines.join("\n")}\n};\n`;
  });
  const rows = all.map(({ name, rule, object, bytes, size }, i) => {
    const constant = `PFS_RULE_${rule.replaceAll("-", "_").toUpperCase()}`;
    return `\t{ "${name}", ${constant}, ${objects[object]}, pfs_case_${i}, ${bytes.length}, ${size}ULL },`;
  });
  return `/* Generated from test/corpus. */\n${arrays.join("\n")}\nstatic const struct pfs_case pfs_cases[] = {\n${rows.join("\n")}\n};\n`;
}
