import {
  CONFIG_LIMIT,
  configOf,
  digestHex,
  hostPlatform,
  LayoutError,
  parseImageConfig,
  type Platform,
  platformText,
  rankOf,
} from "@puzzlefs/oci";
import type { RemoteImage } from "./remote-image.ts";

/** The platform of an image: of its configuration, as the index has it, or of the configuration that its packed form has. */
export async function platformOf(image: RemoteImage, config: Uint8Array, signal: AbortSignal): Promise<Platform> {
  const own = configuredPlatform(config, image.name) ?? image.platform;
  if (own !== undefined || !image.isPacked) return own ?? hostPlatform();
  const descriptor = configOf(image.manifest, image.name);
  const isRead =
    descriptor !== undefined && digestHex(descriptor.digest) !== undefined && descriptor.size <= CONFIG_LIMIT;
  if (!isRead) return hostPlatform();
  const bytes = await image.repository.readBlob(descriptor.digest, descriptor.size, signal);
  return configuredPlatform(bytes, image.name) ?? hostPlatform();
}

/** The platform that a configuration names; undefined: none, and that of the packed form is received. */
export function configuredPlatform(config: Uint8Array, name: string): Platform | undefined {
  try {
    const { os, architecture, variant } = parseImageConfig(config, name);
    return { os, architecture, ...(typeof variant === "string" && { variant }) };
  } catch (error) {
    // A configuration of another kind, or none.
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

/** Throws LayoutError (absent) unless an image is for the platform that is wanted. */
export function checkPlatform({ name }: RemoteImage, platform: Platform, wanted: Platform | undefined): void {
  if (wanted === undefined || rankOf(platform, wanted) !== undefined) return;
  throw new LayoutError("absent", name, `it is for ${platformText(platform)}, not for ${platformText(wanted)}`);
}
