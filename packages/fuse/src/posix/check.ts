/**
 * Runs the POSIX cases against a directory that shows the fixture, in TAP:
 *
 *     node check.ts ROOT [FEATURE,…]
 *
 * Cases that need other features are reported as skipped. Exit code 1 if a case fails.
 */
import type { Feature } from "./case.ts";
import { applies, fixture, posixCases } from "./index.ts";

const [root, features = ""] = process.argv.slice(2);
const available = new Set(features.split(",") as Feature[]);
const subject = { root, entries: fixture(process.geteuid?.()) };

console.log(`1..${posixCases.length}`);
for (const [index, item] of posixCases.entries()) {
  const title = `${index + 1} - ${item.name}`;
  if (!applies(item, available)) {
    const missing = item.needs?.filter((feature) => !available.has(feature)).join(", ");
    console.log(`ok ${title} # SKIP needs ${missing}`);
    continue;
  }
  try {
    item.check(subject);
    console.log(`ok ${title}`);
  } catch (error) {
    process.exitCode = 1;
    const text = error instanceof Error ? error.message : String(error);
    console.log(`not ok ${title}\n${text.slice(0, 2000).replace(/^/gm, "# ")}`);
  }
}
