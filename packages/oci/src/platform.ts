/** The hardware and system that an image is for, in Go's names ("amd64", "linux"). */
export interface Platform {
  architecture: string;
  os: string;
  variant?: string;
}

/** Go's names of architectures, where they differ from Node's or from those of uname(1). */
const ARCHITECTURES: Record<string, string> = {
  x64: "amd64",
  x86_64: "amd64",
  aarch64: "arm64",
  ia32: "386",
  i386: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

/** Variants of an architecture, each of which runs what is made for those behind it. */
const VARIANTS: Record<string, readonly string[]> = {
  amd64: ["v4", "v3", "v2", "v1"],
  arm64: ["v9", "v8"],
  arm: ["v8", "v7", "v6", "v5"],
};

/** The variant that is meant where none is named. */
const BASELINES: Record<string, string> = { amd64: "v1", arm64: "v8", arm: "v7" };

/** The platform of this machine, as OCI names it. */
export function hostPlatform(): Platform {
  return { architecture: ARCHITECTURES[process.arch] ?? process.arch, os: "linux" };
}

/** Parses OS/ARCHITECTURE[/VARIANT]; undefined for anything else. */
export function parsePlatform(text: string): Platform | undefined {
  const [, os, architecture, variant] = /^([\w.-]+)\/([\w.-]+)(?:\/([\w.-]+))?$/.exec(text.toLowerCase()) ?? [];
  if (os === undefined || architecture === undefined) return undefined;
  return { architecture: ARCHITECTURES[architecture] ?? architecture, os, ...(variant !== undefined && { variant }) };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** Whether the two are the same platform, so that an image for one replaces an image for the other under a tag. */
export function samePlatform(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && variantOf(a) === variantOf(b);
}

function variantOf({ architecture, variant }: Platform): string {
  return variant ?? BASELINES[architecture] ?? "";
}

/**
 * How well an image for `platform` suits a request for `wanted`: 0 is best, undefined is not suitable. The order is that of
 * skopeo and podman (containers/image); an image for no platform in particular comes last.
 */
export function rankOf(platform: Platform | undefined, wanted: Platform): number | undefined {
  const variants = wantedVariants(wanted);
  if (platform === undefined) return variants.length;
  if (platform.os !== wanted.os || platform.architecture !== wanted.architecture) return undefined;
  const rank = variants.indexOf(platform.variant ?? "");
  return rank === -1 ? undefined : rank;
}

/** Suitable variants, the best first; "" is an image without one. */
function wantedVariants({ architecture, variant }: Platform): string[] {
  const best = variant ?? BASELINES[architecture];
  if (best === undefined) return [""];
  const known = VARIANTS[architecture] ?? [];
  const position = known.indexOf(best);
  const variants = position === -1 ? [best] : known.slice(position);
  return variant === undefined ? ["", ...variants] : [...variants, ""];
}
