import { escapeText } from "@puzzlefs/linux";
import type { StoredConfig } from "@puzzlefs/oci";
import { formatBytes } from "./terminal/quantities.ts";

/** The fields of an image's configuration as text, for `inspect`. Text from an image cannot control a terminal. */
export function configFields(stored: StoredConfig | null): [name: string, value: string][] {
  if (stored === null) return [["config", "empty"]];
  const { mediaType, digest, bytes, content, problem } = stored;
  const blob = `sha256:${digest}, ${formatBytes(bytes)}`;
  if (content === null) return [["config", `${blob}, ${escapeText(problem ?? mediaType)}`]];
  const { architecture, os, variant, config } = content;
  const labels = Object.entries(config?.Labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const fields: [string, string][] = [
    ["config", blob],
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
