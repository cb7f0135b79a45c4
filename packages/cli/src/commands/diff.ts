import { jsonText } from "@puzzlefs/linux";
import { compareBlobs, type Count, Layout } from "@puzzlefs/oci";
import { compareTrees, type Difference, escapeBytes, type ImageTree, openImage } from "@puzzlefs/reader";
import { defineCommand, type ManualCommand, platformChoice, platformOption, verifyOptions } from "../command-line.ts";
import { EXIT_CORRUPT, EXIT_DIFFERENT, EXIT_FAILED, exitCodeOf, messageLines, TroubleError } from "../errors.ts";
import { parseImageName } from "../image-name.ts";
import { LineBuffer, ReaderGoneError } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCount, formatCountOf } from "../terminal/quantities.ts";

interface Options {
  json?: boolean;
  times: boolean;
  verify: boolean;
}

const example = `
  puzzlefs diff ./store:v1 ./store:v2
  puzzlefs diff --no-times ./store:v1 ./other:v1`;

const notes = `
One line for each path that is not the same, in path order, names escaped as by dump:
  + KIND PATH              only in the second image
  + KIND PATH => FIRST     the same, a hard link to FIRST
  - KIND PATH              only in the first one
  ~ KIND PATH ASPECTS      of type, content, target, device, mode, owner, mtime, xattrs, links
KIND is OLD>NEW if the type differs; links: the first name of the inode is another one. The last line begins with # and
has the sums. The exit code is 0 if the images have the same tree, 1 if not, 2 if that could not be found out.`;

export function define(): ManualCommand {
  return verifyOptions(
    platformOption(defineCommand({ name: "diff", description: "Compare the trees of two images.", example, notes })),
  )
    .usage("[OPTION]… OCI_DIR:TAG OCI_DIR:TAG")
    .argument("<oci_dir:tag>", "the first image")
    .argument("<oci_dir:tag>", "the second image, of the same layout or another one")
    .option("--no-times", "ignore modification times")
    .option("--json", "one JSON object");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  try {
    const [a, b] = command.args as [string, string];
    using first = openNamed(a, command);
    using second = openNamed(b, command);
    return print(first, second, command.opts<Options>()) ? EXIT_DIFFERENT : 0;
  } catch (error) {
    const code = exitCodeOf(error);
    if (error instanceof ReaderGoneError || (code !== EXIT_FAILED && code !== EXIT_CORRUPT)) throw error;
    throw new TroubleError(messageLines(error).join("\n"), { cause: error });
  }
}

interface Opened extends Disposable {
  layout: Layout;
  /** Of the stored manifest, hex. */
  manifest: string;
  tree: ImageTree;
}

function openNamed(name: string, command: ManualCommand): Opened {
  const { ociDir, reference } = parseImageName(name);
  using opened = new DisposableStack();
  const layout = opened.use(Layout.open(ociDir));
  const { verify } = command.opts<Options>();
  const { digest } = opened.use(layout.use(reference, platformChoice(command)));
  const tree = opened.use(openImage(layout, digest, { verify: verify ? "blob" : "none" }));
  const all = opened.move();
  return { layout, manifest: digest, tree, [Symbol.dispose]: () => all.dispose() };
}

/** Prints all differences; returns whether there are any. */
function print(first: Opened, second: Opened, { json = false, times }: Options): boolean {
  const lines = new LineBuffer();
  const bar = new ProgressBar("comparing");
  // The bytes of the first image, at most.
  const total = first.tree.contentBytes;
  const progress = (done: number): void => bar.update(done, total);
  const counts = { added: 0, removed: 0, changed: 0 };
  let separator = "";
  if (json) lines.push('{"differences":[');
  for (const difference of compareTrees(first.tree, second.tree, { times, progress })) {
    counts[difference.before === undefined ? "added" : difference.after === undefined ? "removed" : "changed"]++;
    lines.push(json ? separator + jsonText(objectOf(difference)) : lineOf(difference));
    separator = ",";
  }
  bar.finish();
  const { shared, onlyA, onlyB } = compareBlobs(first, second);
  if (json) lines.push(`],${jsonText({ ...counts, blobs: { shared, new: onlyB, gone: onlyA } }).slice(1)}`);
  else
    lines.push(`# ${summaryOf(counts)}; ${blobText(onlyB)} new, ${blobText(onlyA)} gone, ${blobText(shared)} shared`);
  lines.flush();
  return counts.added + counts.removed + counts.changed > 0;
}

function lineOf({ path, before, after, changed, linkedTo }: Difference): string {
  const name = escapeBytes(path);
  if (before === undefined) return `+ ${after} ${name}${linkedTo === undefined ? "" : ` => ${escapeBytes(linkedTo)}`}`;
  if (after === undefined) return `- ${before} ${name}`;
  return `~ ${before === after ? after : `${before}>${after}`} ${name} ${changed.join(",")}`;
}

/** The stable form: names escaped as \xHH; null: there is no such path, or no such link. */
function objectOf({ path, before, after, changed, linkedTo }: Difference): object {
  return {
    path: escapeBytes(path),
    before: before ?? null,
    after: after ?? null,
    changed,
    linkedTo: linkedTo === undefined ? null : escapeBytes(linkedTo),
  };
}

function summaryOf({ added, removed, changed }: { added: number; removed: number; changed: number }): string {
  if (added + removed + changed === 0) return "the same tree";
  return `${formatCount(added)} added, ${formatCount(removed)} removed, ${formatCount(changed)} changed`;
}

function blobText({ blobs, bytes }: Count): string {
  return `${formatBytes(bytes)} in ${formatCountOf(blobs, "blob")}`;
}
