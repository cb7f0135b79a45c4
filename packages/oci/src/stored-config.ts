import { escapeText } from "@puzzlefs/linux";
import {
  CONFIG_LIMIT,
  CONFIG_TYPE,
  configOf,
  digestHex,
  EMPTY_CONFIG,
  LayoutError,
  parseImageConfig,
  type ImageConfig,
  type BlobDirectory,
} from "@puzzlefs/oci";
import { formatBytes } from "./terminal/quantities.ts";

/** An image's configuration, as `inspect` shows it. */
export interface ConfigSummary {
  mediaType: string;
  /** Hex sha256. */
  digest: string;
  bytes: number;
  /** As it is stored; null where it is no image configuration. */
  content: ImageConfig | null;
  /** Why it is none. */
  problem?: string;
}

/** The configuration that a manifest names; null for the empty one. Throws LayoutError: the blob is missing or corrupt. */
export function summarizeConfig(blobs: BlobDirectory, manifest: Uint8Array, name: string): ConfigSummary | null {
  const descriptor = configOf(manifest, name);
  const digest = digestHex(descriptor?.digest ?? "");
  if (descriptor === undefined || digest === undefined || descriptor.digest === EMPTY_CONFIG.digest) return null;
  const summary = { mediaType: descriptor.mediaType, digest, bytes: descriptor.size, content: null };
  if (descriptor.mediaType !== CONFIG_TYPE) return summary;
  const bytes = blobs.read(digest, CONFIG_LIMIT);
  try {
    return { ...summary, content: parseImageConfig(bytes, `config sha256:${digest}`) };
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return { ...summary, problem: error.message };
  }
}

/** The fields as text. Text from an image cannot control a terminal. */
export function configFields(summary: ConfigSummary | null): [name: string, value: string][] {
  if (summary === null) return [["config", "empty"]];
  const { mediaType, digest, bytes, content, problem } = summary;
  const stored = `sha256:${digest}, ${formatBytes(bytes)}`;
  if (content === null) return [["config", `${stored}, ${escapeText(problem ?? mediaType)}`]];
  const { architecture, os, variant, config } = content;
  const labels = Object.entries(config?.Labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const fields: [string, string][] = [
    ["config", stored],
    ["platform", [os, architecture, variant].filter(Boolean).join("/")],
    ["entrypoint", quotedList(config?.Entrypoint)],
    ["command", quotedList(config?.Cmd)],
    ["user", config?.User ?? ""],
    ["directory", config?.WorkingDir ?? ""],
    ["environment", quotedList(config?.Env)],
    ["labels", quotedList(labels)],
  ];
  return fields.filter(([, value]) => value !== "").map(([name, value]) => [name, escapeText(value)]);
}

/** As a shell would take them. */
function quotedList(list: readonly string[] | null | undefined): string {
  return (list ?? [])
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
