import { jsonText } from "@puzzlefs/linux";
import { mountedImages } from "@puzzlefs/mount";
import { collectGarbage, type Count, type GarbageReport, Layout } from "@puzzlefs/oci";
import { defineCommand, type ManualCommand, parseDuration, parseSizeOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { parseLayout } from "../image-name.ts";
import { lockWaiting } from "../lock-waiting.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

interface Options {
  dryRun?: boolean;
  grace?: number;
  lazy?: boolean;
  keep?: number;
  json?: boolean;
}

const HOUR = 3600;

const example = `
  puzzlefs gc ./store
  puzzlefs gc --dry-run --grace 0 ./store      shows what no image needs, however new it is
  puzzlefs gc --lazy --keep 10G ./store        also makes room among what was fetched for lazy images`;

const notes = `
Kept is what an entry of index.json needs, tagged or not, of any tool; what an image in use needs, such as a mounted one
whose tag was removed; and what was changed within the grace period. Builds may run meanwhile. If an entry cannot be
read, nothing is removed.

With --lazy, chunks of lazy images are removed too if nothing else needs them, those that were fetched first, until
--keep of them are left. A mount fetches what it reads again. A lazy image that has been received as a whole is an
ordinary one.`;

export function define(): ManualCommand {
  return defineCommand({ name: "gc", description: "Remove the blobs that no image needs.", example, notes })
    .usage("[OPTION]… OCI_DIR")
    .argument("<oci_dir>", "the layout")
    .option("--dry-run", "remove nothing, only print what would be removed")
    .option(
      "--grace <duration>",
      "keep what was changed in this time: seconds, or a number with s, m, h, d or w (default: 1h)",
      parseDuration,
    )
    .option("--lazy", "also remove chunks that were fetched for lazy images")
    .option("--keep <size>", "with --lazy: so many bytes of them stay (default: 0)", parseSizeOption)
    .option("--json", "print the report as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir } = parseLayout(command.args[0] as string);
  const { dryRun = false, grace = HOUR, lazy, keep, json } = command.opts<Options>();
  if (keep !== undefined && lazy !== true) throw new UsageError("--keep needs --lazy");
  const bar = new ProgressBar("removing");
  let report: GarbageReport;
  try {
    using layout = Layout.open(ociDir, lockWaiting());
    report = collectGarbage(layout, {
      grace,
      dryRun,
      ...(lazy === true && { keepFetched: keep ?? 0 }),
      mounted: mountedImages,
      progress: (done, total) => bar.update(done, total),
    });
  } finally {
    bar.finish();
  }
  writeLine(json === true ? jsonText(report) : textOf(report));
  return 0;
}

function textOf({
  dryRun,
  entries,
  needed,
  inUse,
  young,
  pending,
  freed,
  evicted,
  temporaries,
  writers,
}: GarbageReport): string {
  const fields: [string, string][] = [
    [dryRun ? "would free" : "freed", countText(freed)],
    ["needed", `${countText(needed)}, by ${formatCountOf(entries, "entry", "entries")} of index.json`],
  ];
  const parts: [string, Count, string][] = [
    ["in use", inUse, "by images without an entry"],
    ["new", young, "changed within the grace period"],
    ["pending", pending, `until ${formatCountOf(writers, "build")} at work ${writers === 1 ? "has" : "have"} ended`],
  ];
  if (evicted.blobs > 0)
    fields.splice(1, 0, [dryRun ? "would evict" : "evicted", `${countText(evicted)}, of lazy images`]);
  for (const [name, count, why] of parts) if (count.blobs > 0) fields.push([name, `${countText(count)}, ${why}`]);
  const { directories, bytes } = temporaries;
  if (directories > 0)
    fields.push(["temporaries", `${formatBytes(bytes)}, of ${formatCountOf(directories, "build")} that died`]);
  return formatFields(fields);
}

function countText({ blobs, bytes }: Count): string {
  return `${formatCountOf(blobs, "blob")}, ${formatBytes(bytes)}`;
}
