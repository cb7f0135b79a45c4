import { escapeText, jsonText, printable } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import { defineCommand, type ManualCommand, parseInteger } from "../command-line.ts";
import { EXIT_CORRUPT, EXIT_INCOMPLETE, UsageError } from "../errors.ts";
import { parseLayout } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { lockWaiting } from "../lock-waiting.ts";
import { writeFileWhole } from "../output-file.ts";
import { collect } from "../report/collect.ts";
import { pageOf } from "../report/page.ts";
import type { StoreReport } from "../report/store-report.ts";
import { warning } from "../terminal/messages.ts";
import { stdoutIsTerminal, write, writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";

interface Options {
  output?: string;
  directories?: number;
  json?: boolean;
}

const DIRECTORIES = 3;

const example = `
  puzzlefs report ./store -o report.html
  puzzlefs report ./store --json | jq .packs`;

const notes = `
The page shows what each image added, what images share, where the bytes are, how large chunks are, the dead bytes in
packs, and what no image needs. It is one file without scripts. Metadata is read and checked, content is not read. The
exit code is 3 if an image is corrupt and 4 if one cannot be read or lacks chunks: the page names them, and has the
others.`;

export function define(): ManualCommand {
  const description = "Make a page with charts about an OCI image layout.";
  return defineCommand({ name: "report", description, example, notes })
    .usage("[OPTION]… OCI_DIR")
    .argument("<oci_dir>", "the layout")
    .option(
      "-o, --output <file>",
      "where the page goes (default, and -: standard output, which must not be a terminal)",
    )
    .option(
      "--directories <number>",
      `show the directories of that many images, the last ones (default: ${DIRECTORIES})`,
      parseNumber,
    )
    .option("--json", "the same as one JSON object");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir } = parseLayout(command.args[0] as string);
  const { output = "-", directories = DIRECTORIES, json = false } = command.opts<Options>();
  const isPiped = output === "-";
  if (isPiped && !json && stdoutIsTerminal)
    throw new UsageError("a page is not written to a terminal: name a file with -o, or use a pipe");
  const bar = new ProgressBar("reading images");
  let report: StoreReport;
  try {
    using layout = Layout.open(ociDir, lockWaiting());
    report = collect(layout, {
      directories,
      progress: (done, total, images) => bar.update(done, total, [formatCountOf(images, "image")]),
    });
  } finally {
    bar.finish();
  }
  for (const { image, message } of report.problems) warning(`${image}: ${message}`);
  const text = json ? `${jsonText(report)}\n` : await pageOf(printable(ociDir), report);
  if (isPiped) write(text);
  else {
    const bytes = Buffer.from(text);
    await interruptible(async (check) =>
      writeFileWhole(output, (append) => {
        append(bytes);
        check();
      }),
    );
    writeLine(`${escapeText(output)}: ${formatCountOf(report.images.length, "image")}, ${formatBytes(bytes.length)}`);
  }
  if (report.problems.length === 0) return 0;
  return report.problems.some(({ isCorrupt }) => isCorrupt) ? EXIT_CORRUPT : EXIT_INCOMPLETE;
}

function parseNumber(text: string): number {
  const number = parseInteger(text);
  if (number < 0) throw new UsageError(`'${text}' is not a number of images`);
  return number;
}
