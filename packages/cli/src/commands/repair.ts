import { jsonText } from "@puzzlefs/linux";
import { Layout, repair, type RepairReport } from "@puzzlefs/oci";
import { defineCommand, type ManualCommand } from "../command-line.ts";
import { EXIT_FAILED } from "../errors.ts";
import { parseLayout } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { lockWaiting } from "../lock-waiting.ts";
import { failure } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";

const example = `
  puzzlefs repair ./store --from /backup/store
  puzzlefs verify ./store                      is good now`;

const notes = `
Copied is what entries of index.json need, of any tool, and what is damaged, if the other layout has it intact. The exit
code is 1 if something stays missing or damaged. On a copied blob fs-verity is not enabled.`;

export function define(): ManualCommand {
  return defineCommand({
    name: "repair",
    description: "Replace missing and damaged blobs by those of another layout.",
    example,
    notes,
  })
    .usage("[OPTION]… OCI_DIR --from OTHER_DIR")
    .argument("<oci_dir>", "the layout")
    .requiredOption("--from <other_dir>", "a layout that has the blobs")
    .option("--json", "print the report as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { from, json } = command.opts<{ from: string; json?: boolean }>();
  const bar = new ProgressBar("verifying");
  using layout = Layout.open(parseLayout(command.args[0] as string).ociDir, lockWaiting());
  using source = Layout.open(parseLayout(from).ociDir);
  let report: RepairReport;
  try {
    report = await interruptible((check) => {
      const progress = (done: number, total: number): void => {
        check();
        bar.update(done, total);
      };
      return Promise.resolve(repair(layout, { from: source, progress }));
    });
  } finally {
    bar.finish();
  }
  if (json === true) writeLine(jsonText(report));
  else print(report);
  return report.lost.length > 0 ? EXIT_FAILED : 0;
}

function print({ intact, repaired, lost }: RepairReport): void {
  for (const { digest, reason } of lost) failure(`blob sha256:${digest}: ${reason}`);
  const counts = [
    `${formatCountOf(intact.blobs, "blob")} intact`,
    `${formatCountOf(repaired.blobs, "blob")} repaired, ${formatBytes(repaired.bytes)}`,
    ...(lost.length > 0 ? [`${formatCountOf(lost.length, "blob")} lost`] : []),
  ];
  writeLine(counts.join("; "));
}
