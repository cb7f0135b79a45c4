/** digests.txt: what is recorded of each image, as lines below a heading of its own. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = join(import.meta.dirname, "digests.txt");
const HEADING = "== ";

const INTRODUCTION = `# The sha256 and size of every blob that \`build\` makes of the trees in trees.ts, written by \`make golden\`.
#
# A difference means that images have changed: nothing is shared with images that users have. If that is intended, run
# \`make golden\` and name the change in CHANGELOG.md. The zstd images also depend on the version of libzstd, which
# zstd-napi brings (pnpm-lock.yaml); where only they differ after an update of it, the update is the reason.
`;

/** Lines by the name of their image. Empty where nothing is recorded. */
export function readRecord(): Map<string, readonly string[]> {
  if (!existsSync(path)) return new Map();
  const sections = readFileSync(path, "utf8").split(`\n${HEADING}`).slice(1);
  return new Map(
    sections.map((section) => {
      const [name = "", ...lines] = section.trimEnd().split("\n");
      return [name, lines];
    }),
  );
}

export function writeRecord(images: ReadonlyMap<string, readonly string[]>): void {
  const sections = [...images].map(([name, lines]) => `\n${HEADING}${name}\n${lines.join("\n")}\n`);
  writeFileSync(path, `${INTRODUCTION}${sections.join("")}`);
}
