import { escapeText } from "@puzzlefs/linux";
import { digestHex, isHexDigest } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { platformName } from "./image-choice.ts";
import type { Layout } from "./image-layout.ts";
import type { IndexEntry } from "./index-json.ts";
import { INDEX_FILE } from "./layout-maker.ts";
import { type Platform, platformText, samePlatform } from "./platform.ts";
import { createStaging, removeStaging } from "./staging.ts";
import { runSteps } from "./steps.ts";

/**
 * Removes entries of index.json, durably, and returns them: all that have the tag, of any tool, or those for one platform. A
 * digest removes the entries that have it and no tag. Blobs stay, also those that no entry needs any more. Throws LayoutError
 * (absent) where there is no such entry.
 */
export function untag(layout: Layout, reference: string, platform?: Platform): IndexEntry[] {
  using _ = runSteps(layout.lock());
  const index = layout.index();
  const entries = [...index.entries()];
  const hex = isHexDigest(reference) ? reference : digestHex(reference);
  const absent = (problem: string): LayoutError =>
    new LayoutError("absent", layout.directory.pathOf(INDEX_FILE), problem);
  const isNamed = ({ tag, digest }: IndexEntry): boolean =>
    hex === undefined ? tag === reference : tag === undefined && digest === `sha256:${hex}`;
  const isRemoved = (entry: IndexEntry): boolean => isNamed(entry) && isFor(entry, platform);
  const removed = entries.filter(isRemoved);
  if (removed.length === 0) {
    const name = escapeText(JSON.stringify(reference));
    const named = entries.filter(isNamed);
    if (named.length > 0) {
      const platforms = [...new Set(named.map((entry) => platformName(entry.platform)))].join(", ");
      throw absent(`no entry ${name} for ${platform && platformText(platform)}, but for ${platforms}`);
    }
    const tags = entries.flatMap(({ tag, digest }) => (hex !== undefined && digest === `sha256:${hex}` ? [tag] : []));
    throw absent(`no entry ${name}${tags.length === 0 ? "" : ` without a tag; it has ${escapeText(tags.join(", "))}`}`);
  }
  const staging = createStaging(layout.directory);
  try {
    layout.replaceIndex(index.without(isRemoved), staging.directory);
  } finally {
    removeStaging(layout.directory, staging);
  }
  return removed;
}

function isFor(entry: IndexEntry, platform: Platform | undefined): boolean {
  if (platform === undefined) return true;
  return entry.platform !== undefined && entry.platform !== "unknown" && samePlatform(entry.platform, platform);
}
