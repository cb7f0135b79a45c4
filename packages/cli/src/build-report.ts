import type { BuildResult, CommitResult, Omission } from "@puzzlefs/builder";
import { jsonText } from "@puzzlefs/linux";
import { warning } from "./terminal/messages.ts";
import { writeLine } from "./terminal/output.ts";
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from "./terminal/quantities.ts";
import { formatFields } from "./terminal/table.ts";

/** Of `commit`, the result has `canonical` too. */
type Result = BuildResult & Partial<Pick<CommitResult, "canonical">>;

/** Reports an image that was made: warnings on stderr, the result on stdout. */
export function reportImage(result: Result, seconds: number, json: boolean): void {
  warn(result);
  const report = reportOf(result, seconds);
  if (json) writeLine(jsonText(report));
  else print(report);
}

/** The JSON output. It is stable. */
interface Report extends Result {
  seconds: number;
}

function reportOf(result: Result, seconds: number): Report {
  const { manifest, manifestVerity, metadata, files, entries, bytes, chunks, newBlobs, newBytes, savedBytes } = result;
  const { metadataBytes, manifestBytes, packed, omissions, repaired, canonical } = result;
  return {
    manifest,
    manifestVerity,
    metadata,
    files,
    entries,
    bytes,
    chunks,
    newBlobs,
    newBytes,
    savedBytes,
    metadataBytes,
    manifestBytes,
    ...(packed !== undefined && { packed }),
    seconds: Number(seconds.toFixed(3)),
    omissions,
    repaired,
    ...(canonical !== undefined && { canonical }),
  };
}

/** Reports omissions and repairs on stderr: a line for each mount point, and for each kind of attribute. */
function warn({ omissions, repaired }: BuildResult): void {
  for (const omission of omissions) {
    const { what, why, count, paths } = omission;
    const isWhole = isDirectory(omission);
    if (!isWhole) warning(`${what}: left out of ${formatCountOf(count, "inode")}, first ${paths[0]}: ${why}`);
    else for (const path of paths) warning(`${path}: ${what}, left out but for an empty directory: ${why}`);
    if (isWhole && count > paths.length) warning(`${formatCountOf(count - paths.length, `more ${what}`)} left out`);
  }
  if (repaired.length === 0) return;
  const blobs = `${formatCountOf(repaired.length, "blob")} of the layout`;
  warning(`${blobs}, first sha256:${repaired[0]}: missing or damaged; what the image needs of it was stored anew`);
}

/** Whether the omission is a whole directory and not an attribute. */
function isDirectory({ what }: Omission): boolean {
  return what === "mount point" || what === "subvolume";
}

function countText(omission: Omission): string {
  const { what, count } = omission;
  return isDirectory(omission) ? formatCountOf(count, what) : `${what} of ${formatCountOf(count, "inode")}`;
}

/** Lines about the packed form, if the image has it. */
export function packedFields({ packed }: BuildResult): [string, string][] {
  if (packed === undefined) return [];
  const { packs, keptPacks, bundleBytes, manifest, verity } = packed;
  return [
    ["packed", `${formatCountOf(packs, "pack")}, ${keptPacks} kept; a bundle of ${formatBytes(bundleBytes)}`],
    ["packed manifest", `sha256:${manifest}`],
    ["its fs-verity", verity],
  ];
}

/** The last line is the Rust tool's only output: scripts read it. */
function print(report: Report): void {
  const { omissions } = report;
  const leftOut: [string, string][] = omissions.length === 0 ? [] : [["left out", omissions.map(countText).join(", ")]];
  const { files, entries, bytes, newBlobs, newBytes, savedBytes, metadataBytes, manifestBytes, seconds } = report;
  writeLine(
    formatFields([
      ["tree", `${formatCountOf(files, "file")} with ${formatBytes(bytes)}, ${formatCountOf(entries, "inode")} in all`],
      ["chunks", formatCount(report.chunks)],
      ["stored", `${formatBytes(newBytes)} in ${formatCountOf(newBlobs, "new blob")}`],
      ["saved", `${formatBytes(savedBytes)} (${formatShare(savedBytes, bytes)})`],
      ...leftOut,
      ["metadata", `${formatBytes(metadataBytes)}, and a manifest of ${formatBytes(manifestBytes)}`],
      ...packedFields(report),
      ["time", `${formatSeconds(seconds)}, ${formatBytes(bytes / seconds)}/s`],
      ["manifest", `sha256:${report.manifest}`],
    ]),
  );
  writeLine(`puzzlefs image manifest digest: ${report.manifestVerity}`);
}
